"""A destination server for one test, which can be killed and starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

from services.launcher.embedded_postgres.cluster import Cluster, prepare_cluster
from services.launcher.embedded_postgres.server import Server, start_server
from services.runtime.config import Secret
from services.runtime.migrations import ROLES, create_roles
from tests.database.fixtures import ROLE_PASSWORD, fresh_destination


class KillableServer:
    """Durable: what it committed before it was killed is there afterwards."""

    def __init__(self, cluster: Cluster, *, watch_fd: int, log_path: Path) -> None:
        self._cluster = cluster
        self._watch_fd = watch_fd
        self._log_path = log_path
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return self._cluster.url("postgres")

    async def start(self) -> None:
        with self._log_path.open("ab", buffering=0) as log:
            self._server = await start_server(self._cluster, watch_fd=self._watch_fd, log=log)

    async def kill(self) -> None:
        """With SIGKILL, and starts it again."""
        assert self._server is not None
        pid = self._server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await self._server.wait()
        await self.start()

    async def stop(self) -> None:
        assert self._server is not None
        await self._server.stop()


@contextlib.asynccontextmanager
async def killable_destination(directory: Path) -> AsyncGenerator[tuple[KillableServer, str]]:
    """The server, and the loader's URL of an empty destination on it."""
    cluster = await asyncio.to_thread(prepare_cluster, directory, durable=True)
    watched, held = os.pipe()
    server = KillableServer(cluster, watch_fd=watched, log_path=directory / "postgres.log")
    try:
        await server.start()
        await create_roles(server.url, {role: Secret(ROLE_PASSWORD) for role in ROLES})
        async with fresh_destination(server.url) as url:
            yield server, url
        await server.stop()
    finally:
        os.close(held)
        os.close(watched)
