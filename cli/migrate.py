"""Bringing a database to this version."""

import argparse
import os

import asyncpg

from cli.failure import Refused
from cli.frame import Subparsers, add_command
from cli.target import find_target
from services.runtime.config import Secret
from services.runtime.database import AWAY
from services.runtime.migrations import MigrationRefused, create_roles
from services.runtime.migrations import migrate as apply_migrations
from services.runtime.supervisor.data_directory import DataDirectory


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "migrate", migrate, summary="apply what the database still misses"
    )
    parser.add_argument(
        "--roles",
        action="store_true",
        help="make the roles first, or set their passwords; the user must be allowed to",
    )
    parser.add_argument(
        "--database-url", metavar="U", help="default: PUSHGATE_DATABASE_URL, else that of `up`"
    )


async def migrate(arguments: argparse.Namespace) -> None:
    target = find_target(arguments.data_dir, os.environ)
    url = Secret(arguments.database_url) if arguments.database_url else target.database_url()
    try:
        if arguments.roles:
            passwords = DataDirectory(target.data_dir).passwords(os.environ)
            await create_roles(url, passwords)
            print(f"roles: {', '.join(passwords)}")
        applied = await apply_migrations(url)
    except (MigrationRefused, asyncpg.PostgresError, *AWAY) as error:
        raise Refused(str(error)) from error
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
