"""One real system for the tests of this directory, started by the first that asks for it."""

from collections.abc import AsyncIterator

import pytest

from cli.demo.system import System, throw_away_system


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    """Shared: a test makes an integration of its own, under its own name."""
    async with throw_away_system() as up:
        yield up


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """For an integration of this test alone."""
    return str(request.node.originalname).removeprefix("test_")[:49]
