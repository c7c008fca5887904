"""One real system for all tests of a worker that ask for it, started by the first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cli.database import system_database
from cli.demo.system import System, throw_away_system
from tests.secrecy import refuse_tokens_in_files, refuse_tokens_in_rows


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    """Shared: a test makes an integration of its own, under its own name."""
    async with throw_away_system() as up:
        yield up
        await asyncio.to_thread(refuse_tokens_in_files, (up.data_dir / "logs").iterdir())
        async with system_database(up.target) as database:
            await refuse_tokens_in_rows(database)
