"""The `pushgate` command. Exit codes: 0 done, 1 refused or found wanting, 2 usage."""

import argparse
import logging
import sys
from collections.abc import Sequence

from cli import (
    accounts,
    audit,
    batches,
    connect_tokens,
    history,
    integrations,
    migrate,
    programs,
    psql,
    push,
    status,
    tokens,
    up,
)
from cli.frame import run_command
from services.runtime.logs import configure_logs

GROUPS = (
    up,
    accounts,
    connect_tokens,
    integrations,
    tokens,
    push,
    status,
    batches,
    psql,
    audit,
    history,
    migrate,
    programs,
)


def main(arguments: Sequence[str] | None = None) -> int:
    if arguments is None:
        # A command's output is its answer; lines of the log go elsewhere, and only what is wrong.
        configure_logs("command", level=logging.WARNING)
    return run_command(make_parser().parse_args(arguments))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pushgate", description="A self-hosted push gate.")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in GROUPS:
        group.register(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
