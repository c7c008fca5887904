"""Database outages: no command takes effect twice, and the answer asks for a retry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from asyncpg import Pool, Record
from pytest_aiohttp.plugin import AiohttpClient

from events import log
from events.types import TokenGenerated, TokenRevoked
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.database import pool
from services.runtime.http import HEALTH
from services.tokens.app import TokensSettings, build_app
from services.tokens.domain.permissions import Caller
from services.tokens.limits import RetryPolicy
from services.tokens.middleware import request_middleware
from services.tokens.refusals import DatabaseUnavailable
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually
from tests.tokens.connect_client import ConnectClient
from tests.tokens.cutting_proxy import CuttingProxy, Moment, cutting_proxy

Through = tuple[CuttingProxy, UseCases]


@pytest.fixture
async def through(role_url: RoleUrl) -> AsyncGenerator[Through]:
    """Use cases with connections that can be cut."""
    async with (
        cutting_proxy(role_url("pushgate_tokens")) as (proxy, url),
        pool(url, application_name="test cut", connections_max=2) as connections,
    ):
        yield proxy, UseCases(connections, SystemClock())


@pytest.fixture
async def integration(use_cases: UseCases, caller: Caller) -> CreatedIntegration:
    return await use_cases.integrations.create(caller, "Import API", with_token=True)


async def facts_of(
    integration: CreatedIntegration, kind: type, connections: Pool[Record]
) -> list[object]:
    async with connections.acquire() as connection:
        recorded = await log.read_stream(connection, f"integration/{integration.integration_id}")
    return [one.fact for one in recorded if isinstance(one.fact, kind)]


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
async def test_a_token_is_generated_once_though_the_connection_broke(
    moment: Moment,
    through: Through,
    caller: Caller,
    integration: CreatedIntegration,
    connections: Pool[Record],
) -> None:
    proxy, use_cases = through
    proxy.cuts.append(moment)

    token = await use_cases.integrations.generate_token(caller, integration.integration_id)

    assert proxy.done == [moment]
    facts = await facts_of(integration, TokenGenerated, connections)
    assert len(facts) == 2
    active = await use_cases.read_model.active_tokens(caller, integration.integration_id)
    assert active[0].token_id == token.token_id
    assert active[0].last_four == token.access_token[-4:]


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
async def test_a_revocation_whose_answer_was_lost_is_no_refusal(
    moment: Moment,
    through: Through,
    caller: Caller,
    integration: CreatedIntegration,
    connections: Pool[Record],
) -> None:
    """Deciding again would find the token revoked already, by ourselves."""
    proxy, use_cases = through
    proxy.cuts.append(moment)
    assert integration.token is not None

    await use_cases.integrations.revoke_token(
        caller, integration.integration_id, integration.token.token_id
    )

    assert proxy.done == [moment]
    assert len(await facts_of(integration, TokenRevoked, connections)) == 1


async def test_an_account_is_opened_once_though_the_connection_broke(through: Through) -> None:
    proxy, use_cases = through
    proxy.cuts.append("after commit")

    opened = await use_cases.accounts.open("Acme")

    assert [entry.name for entry in await use_cases.read_model.accounts()] == ["Acme"]
    assert await use_cases.read_model.authenticate(opened.access_token) is not None


async def test_a_connection_that_breaks_each_time_is_given_up(
    role_url: RoleUrl, caller: Caller, integration: CreatedIntegration
) -> None:
    async with (
        cutting_proxy(role_url("pushgate_tokens")) as (proxy, url),
        pool(url, application_name="test cut", connections_max=2) as connections,
    ):
        use_cases = UseCases(connections, SystemClock(), retry_policy=RetryPolicy(attempts_max=3))
        proxy.cuts.extend(["before commit"] * 3)

        with pytest.raises(DatabaseUnavailable):
            await use_cases.integrations.generate_token(caller, integration.integration_id)


async def test_without_its_database_the_service_says_come_again(
    aiohttp_client: AiohttpClient, role_url: RoleUrl, account: OpenedAccount
) -> None:
    async with cutting_proxy(role_url("pushgate_tokens")) as (_, url):
        settings = TokensSettings(database_url=Secret(url))
        client = await aiohttp_client(build_app(settings, clock=SystemClock()))
        api = ConnectClient(client, account.access_token)
        assert (await api.get("/v4/sources")).status == 200

    answer = await api.get("/v4/sources")

    assert (answer.status, answer.json["error"]) == (503, "DatabaseAway")
    assert answer.headers["Retry-After"] == "2"
    assert isinstance(client.server, TestServer)
    reasons = await client.server.app[HEALTH].reasons()
    assert reasons["database"].startswith("the database does not answer")


async def test_more_requests_at_once_than_the_limit_are_told_to_come_again(
    aiohttp_client: AiohttpClient,
) -> None:
    """A database that hangs must not collect requests without end."""
    enough = asyncio.Event()
    arrived = []

    async def wait(request: web.Request) -> web.Response:
        arrived.append(request)
        await enough.wait()
        return web.Response()

    async def two_arrived() -> bool:
        return len(arrived) == 2

    app = web.Application(middlewares=[request_middleware(SystemClock(), concurrent_max=2)])
    app.router.add_get("/", wait)
    client = await aiohttp_client(app)
    waiting = [asyncio.create_task(client.get("/")) for _ in range(2)]
    await eventually(two_arrived)

    third = await client.get("/")
    enough.set()
    answered = [response.status for response in await asyncio.gather(*waiting)]
    fourth = await client.get("/")

    assert (third.status, third.headers["Retry-After"]) == (503, "2")
    assert (answered, fourth.status) == ([200, 200], 200)
