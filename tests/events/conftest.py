"""The log in a database of its own, as the token service's role uses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from asyncpg import Connection, Record

from events.queries import load_queries
from services.runtime.database import connect
from tests.database.emptying import empty
from tests.database.fixtures import RoleUrl, fresh_database


@pytest.fixture(scope="session", autouse=True)
def statements_are_read() -> None:
    """As the programs do before their event loop starts."""
    for package in ("events", "services.tokens", "services.history"):
        load_queries(package)


@pytest.fixture(scope="session")
async def shared_database_url(server_url: str, template: str) -> AsyncGenerator[str]:
    """One clone for all tests here."""
    async with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture
async def database_url(shared_database_url: str) -> str:
    owner = await connect(shared_database_url, application_name="test set-up")
    await empty(owner)
    await owner.close()
    return shared_database_url


@pytest.fixture
async def writer(role_url: RoleUrl) -> AsyncGenerator[Connection[Record]]:
    connection = await connect(role_url("pushgate_tokens"), application_name="test writer")
    yield connection
    await connection.close()


@pytest.fixture
async def second_writer(role_url: RoleUrl) -> AsyncGenerator[Connection[Record]]:
    connection = await connect(role_url("pushgate_tokens"), application_name="test writer")
    yield connection
    await connection.close()
