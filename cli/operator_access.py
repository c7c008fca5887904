"""Operator access: commands that act for an account, directly in the installation's database.

They run the token service's own use cases. Importing those takes most of a short command's time,
so only commands that need them import this module.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import AsyncIterator

from cli.database import reporting_database_errors
from cli.errors import CommandFailed
from cli.installation import Installation, installation_of
from cli.output import add_json
from events.ids import AccountId
from services.runtime.clock import SystemClock
from services.runtime.database import pool
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.refusals import CommandRefused
from services.tokens.use_cases.use_cases import UseCases


def add_account_options(parser: argparse.ArgumentParser) -> None:
    """``--client-id`` and ``--json``, which all commands with operator access have."""
    parser.add_argument(
        "--client-id",
        metavar="CLIENT_ID",
        type=int,
        help="The account to act for. Default: PUSHGATE_CLIENT_ID, else the account of `up`.",
    )
    add_json(parser)


@contextlib.asynccontextmanager
async def operator_access(
    arguments: argparse.Namespace,
) -> AsyncIterator[tuple[UseCases, Caller]]:
    """Whoever can read the database's password may act for any account in it."""
    installation = installation_of(arguments)
    async with token_use_cases(installation) as use_cases:
        number = installation.client_id() if arguments.client_id is None else arguments.client_id
        yield use_cases, system_caller(AccountId(number))


@contextlib.asynccontextmanager
async def token_use_cases(installation: Installation) -> AsyncIterator[UseCases]:
    """Raises CommandFailed, also for what the token service refuses inside the block."""
    with reporting_database_errors("PUSHGATE_DATABASE_URL"):
        async with pool(
            installation.database_url(), application_name="pushgate", connections_max=2
        ) as connections:
            try:
                yield UseCases(connections, SystemClock())
            except CommandRefused as refusal:
                raise CommandFailed(refusal.message) from refusal
