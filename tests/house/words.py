"""The words of our own names and sentences, with the place where each stands."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.house.sources import ROOT, nodes, python_files

PRODUCT = ("audit", "cli", "client", "demo", "events", "protocol", "services")
PAGES = ("README.md", "Makefile", ".env.example", "docs/**/*.md", "deploy/README.md")
# Of the product's folders, next to Python. What was applied to databases can no longer change.
TEXTS = {".md", ".html", ".txt", ".js", ".css", ".sql"}
_APPLIED = re.compile(r"\d{4}_\w+\.sql")
_WORD_OF_A_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, order=True)
class Name:
    path: Path
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        """Of ``loadedMarkers``, ``LoadedMarkers`` and ``_loaded_markers``: loaded, markers."""
        return [word.lower() for word in _WORD_OF_A_NAME.findall(self.text)]


@dataclass(frozen=True)
class Line:
    path: Path
    number: int
    text: str


@cache
def product_names() -> list[Name]:
    """Every name that the product defines: modules, classes, functions, parameters, variables."""
    return sorted({name for path in python_files(*PRODUCT) for name in _names_of(path)})


def _names_of(path: Path) -> Iterator[Name]:
    for part in (*path.parts[:-1], path.stem):
        yield Name(path, 1, part)
    for node in nodes(path):
        if text := _defined_by(node):
            yield Name(path, getattr(node, "lineno", 1), text)


def _defined_by(node: ast.AST) -> str | None:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name
        case ast.arg():
            return node.arg
        case ast.Name(ctx=ast.Store()):
            return node.id
        case ast.Attribute(ctx=ast.Store()):
            return node.attr
        case _:
            return None


@cache
def prose() -> list[Line]:
    """Comments and strings of the product's Python, and every line of its other texts."""
    python = [line for path in python_files(*PRODUCT) for line in _sentences_of(path)]
    other = [
        Line(path, number, text)
        for path in _texts()
        for number, text in enumerate((ROOT / path).read_text("utf-8").splitlines(), start=1)
    ]
    return python + other


def _sentences_of(path: Path) -> Iterator[Line]:
    code = (ROOT / path).read_text("utf-8")
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING}:
            for number, text in enumerate(token.string.splitlines(), start=token.start[0]):
                yield Line(path, number, text)


def _texts() -> Iterator[Path]:
    for pattern in PAGES:
        yield from (path.relative_to(ROOT) for path in sorted(ROOT.glob(pattern)))
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*")):
            made = {"build", "__pycache__"} & set(path.parts)
            if path.suffix in TEXTS and not made and not _APPLIED.fullmatch(path.name):
                yield path.relative_to(ROOT)
