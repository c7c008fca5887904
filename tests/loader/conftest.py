"""A gate for each test. The databases are emptied between tests, which is faster than new ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from events.sql_files import load_queries
from services.loader.catalog.catalog import catalog_sql
from tests.database.fixtures import fresh_database, fresh_destination
from tests.database.kept import KeptConnections
from tests.loader.gate import INTEGRATION, SCHEMA, Connection, Gate

# As the program does before its loop begins: these are read from disk.
for package in (
    *("events", "services.runtime", "services.tokens", "services.ingest", "services.journal"),
    *("services.loader", "services.loader.catalog"),
):
    load_queries(package)
catalog_sql()

Urls = tuple[str, str]


@pytest.fixture(scope="session")
async def shared_urls(server_url: str, template: str) -> AsyncGenerator[Urls]:
    """Of the journal's database, as its owner, and of the destination, as the loader."""
    async with (
        fresh_database(server_url, template) as journal,
        fresh_destination(server_url) as destination,
    ):
        yield journal, destination


@pytest.fixture(scope="session")
async def kept_pair(shared_urls: Urls) -> AsyncGenerator[KeptConnections]:
    """To both of them, for one test after the other."""
    async with KeptConnections(shared_urls[0]) as kept:
        yield kept


@pytest.fixture
async def gate(shared_urls: Urls, kept_pair: KeptConnections) -> AsyncGenerator[Gate]:
    journal, destination = [await kept_pair.as_new(url) for url in shared_urls]
    made = Gate(journal, destination, shared_urls)
    await made.add_integration(INTEGRATION, SCHEMA)
    yield made
    await sweep(*[await kept_pair.as_new(url) for url in shared_urls])


async def sweep(journal: Connection, destination: Connection) -> None:
    await journal.execute(
        "DELETE FROM journal.pending; DELETE FROM journal.bodies; DELETE FROM journal.leases;"
        "DELETE FROM loader.loads; DELETE FROM loader.tables; DELETE FROM tokens.integrations"
    )
    schemas = await destination.fetch(
        "SELECT quote_ident(nspname) FROM pg_namespace"
        " WHERE nspname !~ '^(pg_|information_schema$|public$)'"
    )
    for (schema,) in schemas:
        await destination.execute(f"DROP SCHEMA {schema} CASCADE")
