"""The log in a database of its own, as the token service's role uses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from asyncpg import Connection, Record

from events.sql_files import load_queries
from services.runtime.database import connect
from tests.database.fixtures import RoleUrl
from tests.database.kept import KeptConnections


@pytest.fixture(scope="session", autouse=True)
def statements_are_read() -> None:
    """As the programs do before their event loop starts."""
    for package in ("events", "services.tokens", "services.history"):
        load_queries(package)


@pytest.fixture
def database_url(emptied_database_url: str) -> str:
    return emptied_database_url


@pytest.fixture
async def writer(
    role_url: RoleUrl, kept_connections: KeptConnections
) -> AsyncGenerator[Connection[Record]]:
    async with kept_connections.lent(role_url("pushgate_tokens")) as connection:
        yield connection


@pytest.fixture
async def second_writer(role_url: RoleUrl) -> AsyncGenerator[Connection[Record]]:
    connection = await connect(role_url("pushgate_tokens"), application_name="test writer")
    yield connection
    await connection.close()
