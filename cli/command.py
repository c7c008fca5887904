"""The command framework: how commands are added to the parser and run."""

import argparse
import asyncio
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from cli.errors import FAILED, INTERRUPTED, PIPE_CLOSED, SUCCESS, CommandFailed
from protocol.token_text import masked

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no other
else:
    Subparsers = Any

CommandFunction = Callable[[argparse.Namespace], int | Coroutine[Any, Any, int | None] | None]
HELP_WIDTH = 78


class Parser(argparse.ArgumentParser):
    """For `pushgate` and every command in it; its usage errors never repeat a token."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(message))


def add_command(
    subparsers: Subparsers,
    name: str,
    run: CommandFunction,
    *,
    summary: str,
    example: str,
    details: str = "",
    nested: bool = False,
) -> argparse.ArgumentParser:
    """Add a command with ``--data-dir``.

    ``run`` returns an exit code (None: 0) or raises CommandFailed. ``summary`` is one sentence,
    which the list of commands shows too; ``example`` is a whole command line. ``nested``: the
    command's group is a command itself, and the options given to that stay set.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=textwrap.fill(f"{summary} {details}".rstrip(), HELP_WIDTH),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIRECTORY",
        default=argparse.SUPPRESS if nested else None,
        help="The data directory of the installation. Default: PUSHGATE_DATA_DIR, else .pushgate in"
        " the current directory.",
    )
    parser.set_defaults(run=run)
    return parser


def add_group(subparsers: Subparsers, name: str, *, summary: str) -> Subparsers:
    """Add a group; returns where its commands are added."""
    parser = subparsers.add_parser(name, help=summary, description=summary)
    return parser.add_subparsers(metavar="COMMAND", required=True)


def run_command(arguments: argparse.Namespace) -> int:
    """Run the command that was parsed; returns the exit code."""
    try:
        result = arguments.run(arguments)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        sys.stdout.flush()
    except CommandFailed as error:
        print(f"pushgate: {masked(str(error))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # As in `pushgate … | head`. Otherwise Python would fail again to write its buffer at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return SUCCESS if result is None else int(result)
