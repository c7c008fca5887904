"""A source of the shared system for each test, and a recorder between ingest and the client."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncpg import Record

from cli.connect_api import ConnectApi, connect_api
from cli.database import connection_to, system_database
from cli.demo.system import System
from tests.cli.loading import nothing_waits
from tests.cli.made import Made
from tests.clients.recorder import Recorder
from tests.clients.singer import Target
from tests.eventually import eventually

_numbers = itertools.count(1)


@pytest.fixture
async def api(system: System) -> AsyncIterator[ConnectApi]:
    async with connect_api(system.target) as calls:
        yield calls


@pytest.fixture
async def source(api: ConnectApi) -> Made:
    made = await api.create_source(f"Clients {next(_numbers)}")
    token = await api.create_token(made["id"])
    return Made(made["id"], made["name"], token["id"], token["access_token"])


@pytest.fixture
async def recorder(system: System) -> AsyncIterator[Recorder]:
    async with Recorder(system.target.import_url()).serving() as serving:
        yield serving


@pytest.fixture
def target(system: System, source: Made, recorder: Recorder, tmp_path: Path) -> Target:
    client_id = system.target.client_id()
    return Target(tmp_path, recorder.url, token=source.token, client_id=client_id)


class Tables:
    """What is in the destination, once all that was accepted is loaded."""

    def __init__(self, system: System, source: Made) -> None:
        self._target = system.target
        self._source = source

    async def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self._read(table, *columns)]

    async def _read(self, table: str, *columns: str) -> list[Record]:
        async with system_database(self._target) as journal:
            await eventually(lambda: nothing_waits(journal, self._source), seconds=60)
        url = self._target.destination_url()
        async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
            return list(
                await destination.fetch(
                    f"SELECT {', '.join(columns)} FROM {self._source.name}.{table} ORDER BY 1"
                )
            )


@pytest.fixture
def tables(system: System, source: Made) -> Tables:
    return Tables(system, source)
