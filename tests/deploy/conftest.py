"""The shared system (tests/system/shared.py), and an integration of it that is watched."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cli.temporary_installation import TemporaryInstallation
from tests.deploy.watched import Watched


@pytest.fixture(scope="session")
async def created(system: TemporaryInstallation) -> dict[str, Any]:
    """An integration with a token, as `integrations create` answers."""
    answer: dict[str, Any] = await system.run_json("integrations", "create", "Watched")
    return answer


@pytest.fixture
async def watched(system: TemporaryInstallation, created: dict[str, Any]) -> AsyncIterator[Watched]:
    async with Watched.opened(system, created) as opened:
        yield opened
