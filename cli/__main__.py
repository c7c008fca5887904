"""The `pushgate` command. Exit codes: 0 done, 1 refused or found wanting, 2 usage, 130 Ctrl-C."""

import argparse
import gc
import importlib
import logging
import sys
from collections.abc import Iterable, Sequence

from cli.command import Parser, run_command
from services.runtime.logs import configure_logs

# Which file registers which commands. Only the file of the command that was asked for is read:
# some stand on half of the system, and reading all of them took most of a short command's time.
COMMANDS_BY_MODULE = {
    "cli.commands.up": ("up",),
    "cli.commands.accounts": ("accounts",),
    "cli.commands.connect_tokens": ("connect-tokens",),
    "cli.commands.members": ("members",),
    "cli.commands.integrations": ("integrations",),
    "cli.commands.tokens": ("tokens",),
    "cli.commands.push": ("push",),
    "cli.commands.outbox": ("outbox",),
    "cli.commands.relay": ("relay",),
    "cli.commands.status": ("status",),
    "cli.commands.batches": ("batches",),
    "cli.commands.refusals": ("refusals",),
    "cli.commands.psql": ("psql",),
    "cli.commands.audit": ("audit",),
    "cli.commands.history": ("history",),
    "cli.commands.migrate": ("migrate",),
    "cli.commands.serve": ("ingest", "loader"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        # What is read stays, and is not looked through for garbage: a fifth of a short command.
        gc.disable()
        # A command's output is its answer; lines of the log go elsewhere, and only what is wrong.
        configure_logs("command", level=logging.WARNING)
    asked = [
        file for file, commands in COMMANDS_BY_MODULE.items() if set(words[:1]) & set(commands)
    ]
    parser = make_parser(asked or COMMANDS_BY_MODULE)
    if arguments is None:
        gc.freeze()
        gc.enable()
    return run_command(parser.parse_args(words))


def make_parser(files: Iterable[str] = COMMANDS_BY_MODULE) -> argparse.ArgumentParser:
    """Of the commands that ``files`` register, of all when nothing is said."""
    parser = Parser(prog="pushgate", description="A self-hosted push gate.")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for file in files:
        importlib.import_module(file).register(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
