"""Real requests to a real ingest. A gate's loader then reads its journal."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import aiohttp

from services.ingest.app import IngestSettings
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.database import pool
from services.tokens.domain.permissions import system_caller
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import as_role
from tests.ingest.gate import ImportClient, served

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A client of an integration, and where its rows will be."""

    client: ImportClient
    schema: str


@contextlib.asynccontextmanager
async def pushed_through_ingest(database_url: str) -> AsyncGenerator[Pushed]:
    """``database_url``: the owner's, of the journal's database."""
    ingest = IngestSettings(database_url=Secret(as_role(database_url, "pushgate_ingest")))
    tokens = as_role(database_url, "pushgate_tokens")
    async with (
        pool(tokens, application_name="test tokens", connections_max=1) as connections,
        served(ingest) as running,
        aiohttp.ClientSession() as session,
    ):
        use_cases = UseCases(connections, SystemClock())
        account = await use_cases.accounts.open("Acme")
        created = await use_cases.integrations.create(
            system_caller(account.account_id), f"Real data {next(_numbers)}", with_token=True
        )
        assert created.token is not None
        yield Pushed(
            client=ImportClient(
                session,
                running.url,
                token=created.token.access_token,
                client_id=account.account_id,
            ),
            schema=created.schema_name,
        )
