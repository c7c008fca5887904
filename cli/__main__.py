"""The `pushgate` command. Exit codes: 0 done, 1 refused or found wanting, 2 usage."""

import argparse
import sys
from collections.abc import Sequence

from cli import (
    accounts,
    audit,
    connect_tokens,
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

GROUPS = (
    up,
    accounts,
    connect_tokens,
    integrations,
    tokens,
    push,
    status,
    psql,
    audit,
    migrate,
    programs,
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="pushgate", description="A self-hosted push gate.")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in GROUPS:
        group.register(subparsers)
    return run_command(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
