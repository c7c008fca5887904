"""The token service over a database of its own, by its handlers and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from asyncpg import Pool, Record
from pytest_aiohttp.plugin import AiohttpClient

from events.queries import load_queries
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.database import connect, pool
from services.tokens.app import TokensSettings, build_app
from services.tokens.authority import Caller, the_system
from services.tokens.handlers import Handlers, OpenedAccount
from tests.database.emptying import empty
from tests.database.fixtures import RoleUrl, fresh_database
from tests.tokens.connect_client import AnyClient, ConnectClient


@pytest.fixture(scope="session", autouse=True)
def statements_are_read() -> None:
    """As the program does before its event loop starts."""
    for package in ("events", "services.tokens", "services.tokens.pages", "services.runtime"):
        load_queries(package)


@pytest.fixture(scope="session")
async def shared_database_url(server_url: str, template: str) -> AsyncGenerator[str]:
    """One clone for all tests here: they are many and small, and none changes the schema."""
    async with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture
async def database_url(shared_database_url: str) -> str:
    owner = await connect(shared_database_url, application_name="test set-up")
    await empty(owner)
    await owner.close()
    return shared_database_url


@pytest.fixture
async def connections(role_url: RoleUrl) -> AsyncGenerator[Pool[Record]]:
    """As the token service's own role."""
    async with pool(
        role_url("pushgate_tokens"), application_name="test tokens", connections_max=10
    ) as opened:
        yield opened


@pytest.fixture
async def handlers(connections: Pool[Record]) -> Handlers:
    return Handlers(connections, SystemClock())


@pytest.fixture
async def account(handlers: Handlers) -> OpenedAccount:
    return await handlers.open_account("Acme")


@pytest.fixture
async def stranger(handlers: Handlers) -> OpenedAccount:
    """Another account of the same installation."""
    return await handlers.open_account("Evil Corp")


@pytest.fixture
async def caller(account: OpenedAccount) -> Caller:
    return the_system(account.account_id)


@pytest.fixture
async def server(aiohttp_client: AiohttpClient, role_url: RoleUrl) -> AnyClient:
    settings = TokensSettings(database_url=Secret(role_url("pushgate_tokens")))
    return await aiohttp_client(build_app(settings, clock=SystemClock()))


@pytest.fixture
async def api(server: AnyClient, account: OpenedAccount) -> ConnectClient:
    return ConnectClient(server, account.access_token)


@pytest.fixture
async def strange_api(server: AnyClient, stranger: OpenedAccount) -> ConnectClient:
    return ConnectClient(server, stranger.access_token)
