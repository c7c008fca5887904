"""What a test asks for: URLs and connections of databases that are its own."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncGenerator, Callable
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from services.runtime.config import Secret
from services.runtime.database import connect
from services.runtime.migrations import OWNER, ROLES, create_roles, grant_destination, migrate
from tests.database.emptying import empty
from tests.database.kept import KeptConnections
from tests.database.shared_server import (
    SERVER_VARIABLE,
    locked,
    shared_server_url,
    template_file,
)
from tests.secrecy import refuse_tokens_in_rows

# Roles belong to the cluster, so every test and every worker has to know the same one.
ROLE_PASSWORD = "test-only"

RoleUrl = Callable[[str], str]


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def as_role(url: str, role: str, password: str = ROLE_PASSWORD) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}"))


@pytest.fixture(scope="session")
async def server_url() -> str:
    """A user of the test server who may create roles and databases."""
    return os.environ.get(SERVER_VARIABLE) or await shared_server_url()


@pytest.fixture(scope="session")
async def template(server_url: str) -> str:
    """The name of a migrated database, one for the run; nobody may stay connected to it."""
    file = template_file()
    async with locked(file.with_suffix(".lock")):
        if not file.exists():
            name = f"pushgate_template_{secrets.token_hex(4)}"
            await _create_database(server_url, name)
            url = with_database(server_url, name)
            await create_roles(url, {role: Secret(ROLE_PASSWORD) for role in ROLES})
            await migrate(as_role(url, OWNER))
            file.write_text(name)
        return file.read_text()


@contextlib.asynccontextmanager
async def fresh_database(server_url: str, template: str) -> AsyncGenerator[str]:
    """The owner's URL of a clone of the template, dropped after the block."""
    name = f"pushgate_test_{secrets.token_hex(6)}"
    await _create_database(server_url, name, template=template)
    try:
        await create_roles(with_database(server_url, name), {})
        yield as_role(with_database(server_url, name), OWNER)
        await _refuse_tokens(with_database(server_url, name))
    finally:
        await _drop_database(server_url, name)


@contextlib.asynccontextmanager
async def fresh_destination(server_url: str) -> AsyncGenerator[str]:
    """The loader's URL of an empty destination; the roles exist already."""
    name = f"pushgate_test_destination_{secrets.token_hex(6)}"
    await _create_database(server_url, name)
    try:
        await grant_destination(with_database(server_url, name))
        yield as_role(with_database(server_url, name), "pushgate_loader")
        await _refuse_tokens(with_database(server_url, name))
    finally:
        await _drop_database(server_url, name)


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncGenerator[str]:
    """The owner's URL of a fresh, migrated database."""
    async with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture(scope="session")
async def shared_database_url(server_url: str, template: str) -> AsyncGenerator[str]:
    """One clone for all of a process's tests that ask for ``emptied_database_url``."""
    async with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture(scope="session")
async def kept_connections(shared_database_url: str) -> AsyncGenerator[KeptConnections]:
    """To the database that ``emptied_database_url`` gives to one test after the other."""
    async with KeptConnections(shared_database_url) as kept:
        yield kept


@pytest.fixture
async def emptied_database_url(shared_database_url: str, kept_connections: KeptConnections) -> str:
    """The owner's URL of a database on its first day, for tests that leave the schema alone.

    Much faster than a clone; a folder of such tests makes its ``database_url`` of it.
    """
    await empty(await kept_connections.as_new(shared_database_url))
    return shared_database_url


@pytest.fixture
def role_url(database_url: str) -> RoleUrl:
    """The same database's URL for another role: ``role_url("pushgate_ingest")``."""
    return lambda role: as_role(database_url, role)


@pytest.fixture
async def database(
    database_url: str, kept_connections: KeptConnections
) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    """A connection as the owner."""
    async with kept_connections.lent(database_url) as connection:
        yield connection


@pytest.fixture
async def destination_url(server_url: str, template: str) -> AsyncGenerator[str]:
    """The loader's URL of an empty destination database."""
    assert template  # with it came the roles
    async with fresh_destination(server_url) as url:
        yield url


async def _refuse_tokens(url: str) -> None:
    connection = await connect(url, application_name="test canary")
    try:
        await refuse_tokens_in_rows(connection)
    finally:
        await connection.close()


async def _create_database(server_url: str, name: str, *, template: str = "template0") -> None:
    connection = await connect(server_url, application_name="test set-up")
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
    finally:
        await connection.close()


async def _drop_database(server_url: str, name: str) -> None:
    connection = await connect(server_url, application_name="test set-up")
    try:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
