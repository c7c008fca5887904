"""A gate of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from events.queries import load_queries
from services.loader.destination import books_sql
from services.runtime.database import connect
from tests.loader.gate import INTEGRATION, SCHEMA, Connection, Gate

# As the program does before its loop begins: these are read from disk.
for package in ("services.ingest", "services.loader", "services.loader.books"):
    load_queries(package)
books_sql()


@pytest.fixture
async def gate(
    database: Connection, database_url: str, destination_url: str
) -> AsyncGenerator[Gate]:
    destination = await connect(destination_url, application_name="test")
    made = Gate(database, destination, (database_url, destination_url))
    await made.add_integration(INTEGRATION, SCHEMA)
    yield made
    await destination.close()
