"""What tests make of the shared system (tests/system/shared.py) and ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from asyncpg import Connection, Record

from cli.connect_api import ConnectApi
from cli.database import system_database
from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """For an integration of this test alone."""
    return str(request.node.originalname).removeprefix("test_")[:49]


@pytest.fixture
async def made(api: ConnectApi, name: str) -> Made:
    source = await api.create_source(name)
    token = await api.create_token(source["id"])
    return Made(source["id"], source["name"], token["id"], token["access_token"])


@pytest.fixture
async def journal(system: TemporaryInstallation) -> AsyncIterator[Connection[Record]]:
    """Its own database, as the owner."""
    async with system_database(system.installation) as connection:
        yield connection
