"""One real system for all tests of a worker that ask for it, started by the first."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from cli.connect_api import ConnectApi, connect_api
from cli.database import system_database
from cli.temporary_installation import TemporaryInstallation, temporary_installation
from tests.cli.made import Made
from tests.secrecy import refuse_tokens_in_files, refuse_tokens_in_rows
from tests.system.commands_here import commands_here

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[TemporaryInstallation]:
    """Shared: a test makes an integration of its own, under its own name."""
    async with temporary_installation() as up:
        yield commands_here(up)
        await asyncio.to_thread(refuse_tokens_in_files, (up.data_dir / "logs").iterdir())
        async with system_database(up.installation) as database:
            await refuse_tokens_in_rows(database)


@pytest.fixture
async def api(system: TemporaryInstallation) -> AsyncIterator[ConnectApi]:
    """For what a test needs beforehand: much faster than the commands, which are tested by name."""
    async with connect_api(system.installation) as calls:
        yield calls


@pytest.fixture
async def source(api: ConnectApi) -> Made:
    """An integration of one test alone, with a token."""
    made = await api.create_source(f"Source {next(_numbers)}")
    token = await api.create_token(made["id"])
    return Made(made["id"], made["name"], token["id"], token["access_token"])
