"""What a command prints: one JSON document for programs, or a few lines of text for people."""

import argparse
import json
from collections.abc import Sequence
from typing import Any


def add_json(parser: argparse.ArgumentParser, *, nested: bool = False) -> None:
    """``nested`` as in ``add_command``."""
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS if nested else False,
        help="Print one JSON document on standard output, and nothing else there.",
    )


def show(arguments: argparse.Namespace, document: Any, text: str) -> None:
    print(json.dumps(document) if arguments.json else text)


def columns(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """An aligned table. An empty one is "(none)", so that it is not taken for a failure."""
    if not rows:
        return "(none)"
    lines = [
        list(titles),
        *[["" if c is None else printable(str(c)) for c in row] for row in rows],
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """One name and value per line."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name.ljust(width)}  {printable(str(value))}" for name, value in pairs)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shown_once(token_text: str) -> str:
    return f"{token_text}  (shown only once: store it now)"


def printable(text: str) -> str:
    # Names come from other people: control characters in them must not reach the terminal.
    return "".join(c if c.isprintable() else "�" for c in text)
