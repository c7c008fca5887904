"""`pushgate migrate`: apply pending migrations; create databases, roles and the first account."""

import argparse
import os

import asyncpg

from cli.command import Subparsers, add_command
from cli.errors import CommandFailed
from cli.first_account import first_sign_in_path, open_account_if_empty
from cli.installation import find_installation
from cli.output import shown_once
from services.launcher.data_directory import DataDirectory
from services.launcher.databases import Databases, prepare_server
from services.launcher.run_file import AccountCredentials
from services.runtime.config import Secret
from services.runtime.database import AWAY
from services.runtime.migrations import OWNER, MigrationRefused
from services.runtime.migrations import migrate as apply_migrations


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "migrate",
        migrate,
        summary="Apply pending migrations to the database.",
        example="pushgate migrate --database-url postgresql://postgres@db.example/pushgate --roles",
    )
    parser.add_argument(
        "--roles",
        action="store_true",
        help="First create the databases and the roles, or set the roles' passwords. The user in"
        " the database URL must have that privilege.",
    )
    parser.add_argument(
        "--first-account",
        action="store_true",
        help="With --roles, on an empty log: open an account, and print its Connect token and a"
        " one-time link to sign in with, which are shown only once.",
    )
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="The database. Default: PUSHGATE_DATABASE_URL, else the database of `up`.",
    )


async def migrate(arguments: argparse.Namespace) -> None:
    installation = find_installation(arguments.data_dir, os.environ)
    url = Secret(arguments.database_url) if arguments.database_url else installation.database_url()
    try:
        if not arguments.roles:
            await _apply(url)
            return
        databases = await _prepare(url, DataDirectory(installation.data_dir))
        await _apply(databases.url(OWNER))
        if arguments.first_account:
            _print_account(await open_account_if_empty(databases))
            _print_sign_in_link(await first_sign_in_path(databases))
    except (MigrationRefused, asyncpg.PostgresError, *AWAY) as error:
        raise CommandFailed(str(error)) from error


async def _prepare(admin: Secret, directory: DataDirectory) -> Databases:
    destination = os.environ.get("PUSHGATE_DESTINATION_URL")
    passwords = directory.passwords(os.environ)
    databases = await prepare_server(
        admin, passwords, destination=Secret(destination) if destination else None
    )
    print(f"roles: {', '.join(passwords)}")
    return databases


async def _apply(url: Secret) -> None:
    applied = await apply_migrations(url)
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


def _print_sign_in_link(path: str | None) -> None:
    """Prints the path alone when PUSHGATE_PAGES_URL, the address of the pages, is not set yet."""
    if path is not None:
        pages = os.environ.get("PUSHGATE_PAGES_URL", "").rstrip("/")
        print(f"one-time link to sign in: {pages}{path}")


def _print_account(account: AccountCredentials | None) -> None:
    if account is not None:
        print(f"client id: {account.client_id}")
        print(f"Connect token: {shown_once(account.connect_token)}")
