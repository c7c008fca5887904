"""A source of the shared system for each test, and a recorder between ingest and the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made
from tests.clients.recorder import Recorder
from tests.clients.singer import Target
from tests.system.destination import rows


@pytest.fixture
async def recorder(system: TemporaryInstallation) -> AsyncIterator[Recorder]:
    async with Recorder(system.installation.import_url()).serving() as serving:
        yield serving


@pytest.fixture
def target(
    system: TemporaryInstallation, source: Made, recorder: Recorder, tmp_path: Path
) -> Target:
    client_id = system.installation.client_id()
    return Target(tmp_path, recorder.url, token=source.token, client_id=client_id)


class Tables:
    """What is in the destination, once all that was accepted is loaded."""

    def __init__(self, system: TemporaryInstallation, source: Made) -> None:
        self._system = system
        self._source = source

    async def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {', '.join(columns)} FROM {{schema}}.{table} ORDER BY 1"
        return await rows(self._system, self._source, query)


@pytest.fixture
def tables(system: TemporaryInstallation, source: Made) -> Tables:
    return Tables(system, source)
