"""How a command is added and run; each group of commands has a file of its own."""

import argparse
import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from cli.errors import FAILED, INTERRUPTED, PIPE_CLOSED, SUCCESS, CommandFailed
from protocol.token_text import masked

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no other
else:
    Subparsers = Any

CommandFunction = Callable[[argparse.Namespace], int | Coroutine[Any, Any, int | None] | None]


class Parser(argparse.ArgumentParser):
    """Also of all commands in it. What it says of wrong use holds no token."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(message))


def add_command(
    subparsers: Subparsers, name: str, run: CommandFunction, *, summary: str, nested: bool = False
) -> argparse.ArgumentParser:
    """Add a command with ``--data-dir``.

    ``run`` returns an exit code (None: 0) or raises CommandFailed. ``nested``: the command's group
    is a command itself, and the options given to that stay set.
    """
    parser = subparsers.add_parser(name, help=summary, description=summary)
    parser.add_argument(
        "--data-dir",
        metavar="D",
        default=argparse.SUPPRESS if nested else None,
        help="default: PUSHGATE_DATA_DIR, else .pushgate in this directory",
    )
    parser.set_defaults(run=run)
    return parser


def add_group(subparsers: Subparsers, name: str, *, summary: str) -> Subparsers:
    """Where the commands of a group are added."""
    parser = subparsers.add_parser(name, help=summary, description=summary)
    return parser.add_subparsers(metavar="COMMAND", required=True)


def run_command(arguments: argparse.Namespace) -> int:
    try:
        result = arguments.run(arguments)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        sys.stdout.flush()
    except CommandFailed as refused:
        print(f"pushgate: {masked(str(refused))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # As of `pushgate … | head`. Python would complain once more of what it still holds.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return SUCCESS if result is None else int(result)
