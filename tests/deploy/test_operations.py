"""The operations port: alive, ready or why not."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from services.runtime.http import Health, operations_app

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, health: Health) -> Client:
    return await aiohttp_client(operations_app(health))


async def well() -> str | None:
    return None


async def away() -> str | None:
    return "the database does not answer"


async def test_ready_when_every_check_is_content(client: Client, health: Health) -> None:
    health.checks["journal"] = well

    answer = await client.get("/health/ready")

    assert (answer.status, await answer.json()) == (200, {"status": "ready"})


async def test_not_ready_tells_each_reason(client: Client, health: Health) -> None:
    health.checks |= {"journal": well, "destination": away}

    answer = await client.get("/health/ready")

    assert (answer.status, await answer.json()) == (
        503,
        {"status": "not ready", "reasons": {"destination": "the database does not answer"}},
    )


@pytest.mark.parametrize("phase", ["starting", "stopping"])
async def test_not_ready_while_starting_and_stopping(
    client: Client, health: Health, phase: str
) -> None:
    setattr(health, phase, True)

    answer = await client.get("/health/ready")

    assert (answer.status, (await answer.json())["reasons"]) == (
        503,
        {"program": f"it is {phase}"},
    )


async def test_a_program_that_is_not_ready_is_alive(client: Client, health: Health) -> None:
    health.checks["journal"] = away

    answer = await client.get("/health/live")

    assert (answer.status, await answer.json()) == (200, {"status": "live"})
