from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from asyncpg import Connection, Record

from events.sql_files import load_queries
from services.history.app import HistorySettings, build_app
from services.history.signer.files import SignerFiles
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from tests.database.fixtures import RoleUrl, as_role
from tests.database.kept import KeptConnections
from tests.history.appending import connect_token_generated
from tests.history.auditor import AUDITOR, signed

Database: TypeAlias = "Connection[Record]"
Client: TypeAlias = "TestClient[Request, Application]"
Sign: TypeAlias = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def _queries_are_read() -> None:
    """As the programs do it before their loops begin."""
    for package in ("cli", "events", "services.history", "services.tokens"):
        load_queries(package)


@pytest.fixture
def database_url(emptied_database_url: str) -> str:
    return emptied_database_url


@pytest.fixture
async def signing_role(
    role_url: RoleUrl, kept_connections: KeptConnections
) -> AsyncGenerator[Database]:
    async with kept_connections.lent(role_url("pushgate_signer")) as connection:
        yield connection


@pytest.fixture
def files(tmp_path: Path) -> SignerFiles:
    return SignerFiles(tmp_path / "signer")


@pytest.fixture
def sign(role_url: RoleUrl, files: SignerFiles) -> Sign:
    """Signs what the log holds now, as a signer that was just started."""
    return functools.partial(signed, role_url("pushgate_signer"), files)


def client_of_a_service(database_url: str) -> Client:
    """It sends an auditor's Connect token; to be entered."""
    settings = HistorySettings(database_url=Secret(as_role(database_url, "pushgate_history")))
    server = TestServer(build_app(settings, clock=SystemClock()))
    return TestClient(server, headers={"Authorization": f"Bearer {AUDITOR}"})


@pytest.fixture(scope="session")
async def shared_client(shared_database_url: str) -> AsyncGenerator[Client]:
    """Of one history service for all tests."""
    async with client_of_a_service(shared_database_url) as client:
        yield client


@pytest.fixture
async def client(database: Database, shared_client: Client) -> Client:
    """The history service on a log whose first fact is the auditor's Connect token."""
    await connect_token_generated(database, AUDITOR, role="auditor")
    return shared_client
