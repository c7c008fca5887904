"""One program in the foreground, for containers and for looking at it alone."""

import argparse
import os
import sys

from cli.command import Subparsers, add_command, add_group


def register(subparsers: Subparsers) -> None:
    """The groups that have no other command; ``tokens`` and ``history`` have others."""
    ingest = add_group(subparsers, "ingest", summary="the intake of batches")
    add_program(ingest, "serve", "services.ingest", summary="take batches in")
    loader = add_group(subparsers, "loader", summary="from accepted batches to tables")
    add_program(loader, "run", "services.loader", summary="put accepted batches into tables")


def add_program(group: Subparsers, name: str, module: str, *, summary: str) -> None:
    def run(_: argparse.Namespace) -> None:
        sys.stdout.flush()
        # In place: signals and the exit code are then the program's own.
        os.execv(sys.executable, [sys.executable, "-P", "-m", module])  # noqa: S606 - our own module

    add_command(group, name, run, summary=f"{summary}; settings from PUSHGATE_* variables")
