"""`pushgate psql`: open the destination with psql."""

import argparse
import os
import shutil
import sys
from urllib.parse import unquote, urlsplit, urlunsplit

from cli.command import Subparsers, add_command
from cli.errors import CommandFailed
from cli.installation import installation_of
from services.launcher.embedded_postgres.binaries import BinariesMissing, find_program
from services.runtime.config import Secret


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "psql",
        psql,
        summary="Open the destination with psql.",
        example="pushgate psql -- -c 'SELECT * FROM web_shop.orders'",
    )
    parser.add_argument(
        "psql_arguments", metavar="ARGUMENT", nargs="*", help="After --: arguments for psql."
    )


def psql(arguments: argparse.Namespace) -> None:
    url, password = without_password(installation_of(arguments).destination_url())
    environment = dict(os.environ)
    if password is not None:
        # Other users of the machine can read a command line, but not an environment.
        environment["PGPASSWORD"] = password.reveal()
    program = _program()
    sys.stdout.flush()
    os.execve(program, [program, f"--dbname={url}", *arguments.psql_arguments], environment)  # noqa: S606 — ours or PostgreSQL's own


def without_password(url: Secret) -> tuple[str, Secret | None]:
    """The URL without its password, and the password, unquoted."""
    parts = urlsplit(url.reveal())
    if parts.password is None:
        return url.reveal(), None
    user, _, host = parts.netloc.rpartition("@")
    name, _, _ = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}@{host}")), Secret(unquote(parts.password))


def _program() -> str:
    try:
        return str(find_program("psql"))
    except BinariesMissing as missing:
        found = shutil.which("psql")
        if found is None:
            raise CommandFailed(f"psql was not found. {missing}") from missing
        return found
