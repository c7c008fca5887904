"""The token service over a database of its own, by its use cases and over HTTP."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from asyncpg import Pool, Record

from events.sql_files import load_queries
from events.types import Role
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.database import pool
from services.tokens.app import TokensSettings, build_app
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl, as_role
from tests.tokens.connect_client import AnyClient, ConnectClient
from tests.tokens.person import Person

PASSWORD = "correct horse battery"

Join = Callable[[Caller, Role], Awaitable[Person]]


@pytest.fixture(scope="session", autouse=True)
def statements_are_read() -> None:
    """As the program does before its event loop starts."""
    for package in ("events", "services.tokens", "services.tokens.web", "services.runtime"):
        load_queries(package)


@pytest.fixture
def database_url(emptied_database_url: str) -> str:
    return emptied_database_url


@pytest.fixture(scope="session")
async def kept_pool(shared_database_url: str) -> AsyncGenerator[Pool[Record]]:
    """Shared by the tests (for the reason see tests/database/kept.py)."""
    url = as_role(shared_database_url, "pushgate_tokens")
    async with pool(url, application_name="test tokens", connections_max=10) as opened:
        yield opened


@pytest.fixture
def connections(kept_pool: Pool[Record], database_url: str) -> Pool[Record]:
    """As the token service's own role, to a database on its first day."""
    assert database_url
    return kept_pool


@pytest.fixture
async def use_cases(connections: Pool[Record]) -> UseCases:
    return UseCases(connections, SystemClock())


@pytest.fixture
async def account(use_cases: UseCases) -> OpenedAccount:
    return await use_cases.accounts.open("Acme")


@pytest.fixture
async def stranger(use_cases: UseCases) -> OpenedAccount:
    """Another account of the same installation."""
    return await use_cases.accounts.open("Evil Corp")


@pytest.fixture
async def caller(account: OpenedAccount) -> Caller:
    return system_caller(account.account_id)


def application(role_url: RoleUrl, **settings: Any) -> web.Application:
    """The token service with ``settings`` of TokensSettings."""
    service_settings = TokensSettings(
        database_url=Secret(role_url("pushgate_tokens")),
        # Far below the floors of the settings: a test is no place to wait.
        password_memory_kib=8,
        password_passes=1,
        **settings,
    )
    return build_app(service_settings, clock=SystemClock())


@pytest.fixture(scope="session")
async def shared_server(shared_database_url: str) -> AsyncGenerator[AnyClient]:
    """One for all tests: it keeps nothing but the pool of its connections from one to the next."""
    app = application(functools.partial(as_role, shared_database_url))
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield client


@pytest.fixture
def server(shared_server: AnyClient, database_url: str) -> AnyClient:
    """The token service on a database on its first day."""
    assert database_url
    return shared_server


@pytest.fixture
async def browsers(server: AnyClient) -> AsyncGenerator[Callable[[], Person]]:
    """A new browser each time."""
    opened: list[Person] = []

    def browser() -> Person:
        opened.append(Person(server))
        return opened[-1]

    yield browser
    for person in opened:
        await person.close()


@pytest.fixture
async def join(
    use_cases: UseCases, browsers: Callable[[], Person]
) -> Callable[[Caller, Role], Awaitable[Person]]:
    """Somebody who was invited, came, and is signed in."""

    async def joined(caller: Caller, role: Role) -> Person:
        person = browsers()
        email = f"{role}-{caller.account_id}@example.com"
        link = await use_cases.members.invite(caller, email, role)
        page = await person.get(link.path)
        seen = await person.send(page, link.path, password=PASSWORD)
        assert seen.status == 200, seen.text
        return person

    return joined


@pytest.fixture
async def owner(caller: Caller, join: Join) -> Person:
    return await join(caller, "owner")


@pytest.fixture
async def member(caller: Caller, join: Join) -> Person:
    return await join(caller, "member")


@pytest.fixture
async def auditor(caller: Caller, join: Join) -> Person:
    return await join(caller, "auditor")


@pytest.fixture
async def api(server: AnyClient, account: OpenedAccount) -> ConnectClient:
    return ConnectClient(server, account.access_token)


@pytest.fixture
async def strange_api(server: AnyClient, stranger: OpenedAccount) -> ConnectClient:
    return ConnectClient(server, stranger.access_token)
