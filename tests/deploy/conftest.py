"""One real system for the tests of what can be watched, started by the first that asks for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cli.demo.system import System, throw_away_system
from tests.deploy.watched import Watched


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    async with throw_away_system() as up:
        yield up


@pytest.fixture(scope="session")
async def created(system: System) -> dict[str, Any]:
    """An integration with a token, as `integrations create` answers."""
    answer: dict[str, Any] = await system.asked("integrations", "create", "Watched")
    return answer


@pytest.fixture
async def watched(system: System, created: dict[str, Any]) -> AsyncIterator[Watched]:
    async with Watched.opened(system, created) as opened:
        yield opened
