"""The `pushgate` command.

Exit codes: 0 success, 1 failed, 2 usage error, 130 interrupted, 141 output pipe closed.
"""

import argparse
import gc
import importlib
import logging
import sys
from collections.abc import Iterable, Sequence

from cli.command import Parser, run_command
from services.runtime.logs import configure_logs

# Which module registers which commands. Only the module of the requested command is imported: some
# depend on half of the system, and importing all of them took most of a short command's time.
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
        # Imported modules stay, so collecting garbage meanwhile is wasted: a fifth of a short run.
        gc.disable()
        # A command's output is its result; log lines go to standard error, and only warnings.
        configure_logs("command", level=logging.WARNING)
    requested = [
        module for module, commands in COMMANDS_BY_MODULE.items() if set(words[:1]) & set(commands)
    ]
    parser = make_parser(requested or COMMANDS_BY_MODULE)
    if arguments is None:
        gc.freeze()
        gc.enable()
    return run_command(parser.parse_args(words))


def make_parser(modules: Iterable[str] = COMMANDS_BY_MODULE) -> argparse.ArgumentParser:
    """A parser of the commands that ``modules`` register; by default of all commands."""
    parser = Parser(
        prog="pushgate",
        description="Pushgate is a self-hosted gate for pushed records. Each command explains"
        " itself with --help.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in modules:
        importlib.import_module(module).register(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
