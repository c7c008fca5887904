"""`pushgate ingest serve`, `pushgate loader run` and the like: one program in the foreground."""

import argparse
import os
import sys

from cli.command import Subparsers, add_command, add_group


def register(subparsers: Subparsers) -> None:
    """The groups without other commands; those of ``tokens`` and ``history`` are in their files."""
    ingest = add_group(subparsers, "ingest", summary="Run the ingest service.")
    add_program(
        ingest, "serve", "services.ingest", summary="Run the ingest service, which accepts pushes."
    )
    loader = add_group(subparsers, "loader", summary="Run the loader.")
    add_program(
        loader,
        "run",
        "services.loader",
        summary="Run the loader, which loads accepted batches into tables.",
    )


def add_program(group: Subparsers, name: str, module: str, *, summary: str) -> None:
    def run(_: argparse.Namespace) -> None:
        sys.stdout.flush()
        # Replace this process: signals and the exit code are then the program's own.
        os.execv(sys.executable, [sys.executable, "-P", "-m", module])  # noqa: S606 - our own module

    program = module.removeprefix("services.").replace(".signer", "")
    add_command(
        group,
        name,
        run,
        summary=summary,
        details="Its settings come from PUSHGATE_* variables.",
        example=f"pushgate {program} {name}",
    )
