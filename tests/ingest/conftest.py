"""Ingest over one database for all tests of a worker; each test has an integration of its own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest
from asyncpg import Connection, Record

from events.sql_files import load_queries
from services.ingest.app import IngestSettings
from services.journal.partitions import make_partitions
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.database import connect, pool
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl, as_role, fresh_database
from tests.ingest.gate import ImportClient, Served, served
from tests.ingest.journal import Journal

Serve = Callable[..., AbstractAsyncContextManager[Served]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def statements_are_read() -> None:
    """As the programs do before their event loops start."""
    for package in (
        "events",
        "services.tokens",
        "services.ingest",
        "services.journal",
        "services.runtime",
    ):
        load_queries(package)


@pytest.fixture(scope="session")
async def shared_url(server_url: str, template: str) -> AsyncGenerator[RoleUrl]:
    """The database's URL for a role. Bodies have their partitions, as before any first push."""
    async with fresh_database(server_url, template) as url:
        as_ingest = as_role(url, "pushgate_ingest")
        async with pool(as_ingest, application_name="test", connections_max=1) as connections:
            await make_partitions(connections, SystemClock())
        yield lambda role: as_role(url, role)


@pytest.fixture(scope="session")
async def owner(shared_url: RoleUrl) -> AsyncGenerator[Connection[Record]]:
    connection = await connect(shared_url("pushgate_owner"), application_name="test")
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def use_cases(shared_url: RoleUrl) -> AsyncGenerator[UseCases]:
    async with pool(
        shared_url("pushgate_tokens"), application_name="test tokens", connections_max=4
    ) as connections:
        yield UseCases(connections, SystemClock())


@pytest.fixture(scope="session")
async def caller(use_cases: UseCases) -> Caller:
    account = await use_cases.accounts.open("Acme")
    return system_caller(account.account_id)


@pytest.fixture
async def integration(use_cases: UseCases, caller: Caller) -> CreatedIntegration:
    return await use_cases.integrations.create(caller, f"Source {next(_numbers)}", with_token=True)


@pytest.fixture
def journal(owner: Connection[Record], integration: CreatedIntegration) -> Journal:
    return Journal(owner, integration.integration_id)


@pytest.fixture(scope="session")
def serve(shared_url: RoleUrl) -> Serve:
    """Ingest with settings of a test's own, for a block."""

    def serve(
        *, database_url: str | None = None, headers_seconds_max: float = 10.0, **settings: Any
    ) -> AbstractAsyncContextManager[Served]:
        url = database_url or shared_url("pushgate_ingest")
        return served(
            IngestSettings(database_url=Secret(url), **settings),
            headers_seconds_max=headers_seconds_max,
        )

    return serve


@pytest.fixture(scope="session")
async def shared_ingest(serve: Serve) -> AsyncGenerator[Served]:
    async with serve() as running:
        yield running


@pytest.fixture
def ingest(shared_ingest: Served) -> Served:
    return shared_ingest


@pytest.fixture(scope="session")
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def gate(
    ingest: Served,
    session: aiohttp.ClientSession,
    caller: Caller,
    integration: CreatedIntegration,
) -> ImportClient:
    assert integration.token is not None
    return ImportClient(
        session, ingest.url, token=integration.token.access_token, client_id=caller.account_id
    )
