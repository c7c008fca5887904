"""Commands of whoever operates the installation: they act for an account, in its database."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import AsyncIterator

from cli.installation import installation_of
from cli.output import add_json
from cli.token_handlers import token_service_handlers
from events.ids import AccountId
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.use_cases.use_cases import UseCases


def add_account_options(parser: argparse.ArgumentParser) -> None:
    """And ``--json``, which they all have."""
    parser.add_argument(
        "--client-id",
        metavar="N",
        type=int,
        help="whose account; default: PUSHGATE_CLIENT_ID, else that of `up`",
    )
    add_json(parser)


@contextlib.asynccontextmanager
async def operator_access(
    arguments: argparse.Namespace,
) -> AsyncIterator[tuple[UseCases, Caller]]:
    """Whoever can read the database's password may act for any account in it."""
    installation = installation_of(arguments)
    async with token_service_handlers(installation) as use_cases:
        number = installation.client_id() if arguments.client_id is None else arguments.client_id
        yield use_cases, system_caller(AccountId(number))
