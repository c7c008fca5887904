"""`pushgate up`: run all programs on this machine until stopped."""

import argparse
import asyncio
import os

import asyncpg

from cli.command import Subparsers, add_command
from cli.connect_api import connect_api
from cli.errors import CommandFailed
from cli.first_account import FirstAccount
from cli.installation import find_installation
from services.launcher.data_directory import AlreadyUp
from services.launcher.embedded_postgres.binaries import BinariesMissing
from services.launcher.embedded_postgres.cluster import ClusterUnusable
from services.launcher.embedded_postgres.server import ServerFailed
from services.launcher.run_file import AccountCredentials
from services.launcher.sockets import SERVED_PORTS, PortTaken
from services.launcher.stack import RunningStack, StackOptions, run_stack, run_until_signalled
from services.runtime.config import Secret
from services.runtime.database import AWAY
from services.runtime.migrations import MigrationRefused

STARTUP_ERRORS = (
    AlreadyUp,
    BinariesMissing,
    ClusterUnusable,
    MigrationRefused,
    PortTaken,
    ServerFailed,
    asyncpg.PostgresError,
    *AWAY,
)

QUICKSTART = """
  tokens   {tokens}
  ingest   {ingest}
  history  {history}

The Connect token of this installation creates integrations and tokens (client id {client_id}):

  {connect_token}

The integration "{name}" has a token that you can push with. Paste this:

curl {ingest}/v2/import/push \\
  -H 'Authorization: Bearer {access_token}' \\
  -H 'Content-Type: application/json' \\
  -d '[{{"client_id": {client_id}, "table_name": "greetings", "key_names": ["id"],
        "action": "upsert", "sequence": 1, "data": {{"id": 1, "text": "Hello from curl"}}}}]'

Then look at the table:

.venv/bin/pushgate psql --data-dir '{data_dir}' -- -c 'SELECT * FROM {schema}.greetings'
"""
QUICKSTART_NAME = "Quickstart"


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "up",
        up,
        summary="Run all programs on this machine, with an embedded PostgreSQL.",
        details="Runs until you stop it with Ctrl-C or SIGTERM.",
        example="pushgate up --data-dir ./pushgate-data --quickstart",
    )
    for program, port in SERVED_PORTS.items():
        parser.add_argument(
            f"--{program}-port",
            type=int,
            default=port,
            metavar="PORT",
            help=f"The port of the {program} service; 0 picks a free one. Default: {port}.",
        )
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="A PostgreSQL to use instead of the embedded one. Its user must be allowed to create"
        " roles.",
    )
    parser.add_argument(
        "--destination-url",
        metavar="URL",
        help="The database to load tables into. Default: another database on the same server.",
    )
    parser.add_argument(
        "--quickstart",
        action="store_true",
        help="At the first start, create an integration and print a push that you can paste.",
    )


async def up(arguments: argparse.Namespace) -> None:
    first_account = FirstAccount()
    options = StackOptions(
        data_directory=find_installation(arguments.data_dir, os.environ).data_dir,
        ports={program: getattr(arguments, f"{program}_port") for program in SERVED_PORTS},
        database_url=_secret(arguments.database_url),
        destination_url=_secret(arguments.destination_url),
        first_account=first_account.ensure,
    )
    try:
        await run_until_signalled(_serve(options, first_account, quickstart=arguments.quickstart))
    except STARTUP_ERRORS as reason:
        raise CommandFailed(str(reason) or type(reason).__name__) from reason


async def _serve(options: StackOptions, first_account: FirstAccount, *, quickstart: bool) -> None:
    async with run_stack(options) as running:
        print("ready", *(f"{name}={url}" for name, url in running.urls.items()), flush=True)
        if quickstart and running.new_account is not None:
            await _print_quickstart(running, running.new_account)
        _print_sign_in(running.urls["tokens"], first_account.sign_in_path)
        print(f"Logs: {running.directory.logs}. Ctrl-C stops everything.", flush=True)
        await asyncio.Event().wait()


def _print_sign_in(pages: str, path: str | None) -> None:
    if path is None:
        print(f"Pages: {pages}", flush=True)
    else:
        print(f"Sign in for the first time, once, at:\n\n  {pages}{path}\n", flush=True)


async def _print_quickstart(running: RunningStack, account: AccountCredentials) -> None:
    """Uses the public API, so what it prints is known to work."""
    # Only run.json counts: environment variables may name another installation.
    installation = find_installation(str(running.directory.path), environ={})
    async with connect_api(installation) as api:
        source = await api.create_source(QUICKSTART_NAME)
        token = await api.create_token(source["id"])
    text = QUICKSTART.format(
        **running.urls,
        client_id=account.client_id,
        connect_token=account.connect_token,
        name=QUICKSTART_NAME,
        access_token=token["access_token"],
        schema=source["name"],
        data_dir=running.directory.path,
    )
    print(text, flush=True)


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None
