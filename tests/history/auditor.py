"""A history service over any database, and an auditor who asks it again and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer, TestServer

from audit.trust_store import TrustStore
from audit.verify import verify_live
from cli.history_api import history_api
from cli.installation import Installation
from services.history.app import HistorySettings, build_app
from services.history.signer.files import SignerFiles
from services.history.signer.signing import Signer
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.database import connect

AUDITOR = "ac_auditor"


@contextlib.asynccontextmanager
async def served(database_url: str) -> AsyncGenerator[BaseTestServer]:
    """``database_url`` is the history role's."""
    settings = HistorySettings(database_url=Secret(database_url))
    async with TestServer(build_app(settings, clock=SystemClock())) as server:
        yield server


class Auditor:
    """Keeps what was verified in ``directory``, as `pushgate audit verify` does."""

    def __init__(self, server: BaseTestServer, directory: Path, token: str = AUDITOR) -> None:
        url = str(server.make_url("/")).rstrip("/")
        environ = {"PUSHGATE_HISTORY_URL": url, "PUSHGATE_CONNECT_TOKEN": token}
        self._installation = Installation(data_dir=directory, environ=environ)
        self._trust_store = TrustStore(directory / "audit")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def verify(self) -> dict[str, Any]:
        async with history_api(self._installation) as client:
            return (await verify_live(client, self._trust_store, "")).result

    async def post(self, path: str) -> None:
        async with ClientSession(
            self._installation.history_url(), headers=self._headers
        ) as session:
            (await session.post(path)).raise_for_status()


async def signed(database_url: str, files: SignerFiles) -> None:
    """By a signer that was just started; ``database_url`` is the signing role's."""
    connection = await connect(database_url, application_name="test signer")
    try:
        signer = await asyncio.to_thread(Signer, files, SystemClock())
        await signer.sign_next(connection)
    finally:
        await connection.close()
