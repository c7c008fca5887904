"""One real system for all tests of a worker that ask for it, started by the first."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cli.demo.system import System, throw_away_system


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    """Shared: a test makes an integration of its own, under its own name."""
    async with throw_away_system() as up:
        yield up
