"""Start an embedded server; wait for it; stop it."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import asyncpg

from services.launcher.embedded_postgres.cluster import Cluster
from services.launcher.embedded_postgres.orphans import read_postmaster_pid, stop_orphans
from services.launcher.embedded_postgres.tuning import server_arguments

# After a hard kill PostgreSQL does not start while old backends hold its shared memory.
START_SECONDS_MAX = 30.0
# Replaying the WAL of a burst after a crash: up to four gigabytes.
RECOVERY_SECONDS_MAX = 300.0
RETRY_SECONDS = 0.25
POLL_SECONDS = 0.05
CONNECT_SECONDS_MAX = 5.0
# More than the keeper takes to stop PostgreSQL by force.
STOP_SECONDS_MAX = 30.0


class ServerFailed(Exception):
    """PostgreSQL did not start in time; its log says why."""


@dataclass(frozen=True, kw_only=True)
class Server:
    cluster: Cluster
    keeper: subprocess.Popen[bytes]

    @property
    def pid(self) -> int | None:
        """None while PostgreSQL is starting or has ended."""
        return read_postmaster_pid(self.cluster.data)

    async def wait(self) -> int:
        """Waits until it has ended, for whatever reason; returns the exit code."""
        while (code := self.keeper.poll()) is None:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(POLL_SECONDS)
        return code

    async def stop(self) -> None:
        """Fast shutdown: clients are disconnected, committed data is on disk."""
        self.keeper.terminate()
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await self.wait()


async def start_server(cluster: Cluster, *, watch_fd: int, log: IO[bytes]) -> Server:
    """Stop what an earlier run left, start PostgreSQL, return when it accepts connections.

    PostgreSQL stops when the other end of ``watch_fd`` (a pipe or FIFO) closes. A failed start is
    retried for ``START_SECONDS_MAX``; then ServerFailed is raised.
    """
    deadline = time.monotonic() + START_SECONDS_MAX
    await asyncio.to_thread(stop_orphans, cluster.data)
    while True:
        server = Server(cluster=cluster, keeper=_start_keeper(cluster, watch_fd=watch_fd, log=log))
        if await _answers(server):
            return server
        if time.monotonic() > deadline:
            raise ServerFailed(
                f"PostgreSQL in {cluster.data} did not start: {_last_line(log)} (see {log.name})"
            )
        await asyncio.sleep(RETRY_SECONDS)


def _start_keeper(cluster: Cluster, *, watch_fd: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    uid, gid = (cluster.user.uid, cluster.user.gid) if cluster.user else (-1, -1)
    keeper = [sys.executable, "-m", "services.launcher.embedded_postgres.keeper"]
    postgres = [str(cluster.binaries.postgres), "-D", str(cluster.data)]
    settings = server_arguments(port=cluster.port, durable=cluster.durable)
    return subprocess.Popen(
        [*keeper, str(watch_fd), str(uid), str(gid), *postgres, *settings],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=[watch_fd],
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )


async def _answers(server: Server) -> bool:
    """True once a connection succeeds, False when PostgreSQL ended instead."""
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while server.keeper.poll() is None:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            url = server.cluster.url("postgres")
            connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX)
            await connection.close()
            return True
        if time.monotonic() > deadline:
            await server.stop()
            return False
        await asyncio.sleep(POLL_SECONDS)
    return False


def _last_line(log: IO[bytes]) -> str:
    lines = Path(log.name).read_text(errors="replace").splitlines()
    return next((line for line in reversed(lines) if "FATAL" in line), "it gave no reason")


@contextlib.asynccontextmanager
async def running_server(cluster: Cluster, *, log_path: Path) -> AsyncGenerator[Server]:
    """A server that runs during the block; it also ends with this process."""
    watched, our_end = os.pipe()
    with contextlib.closing(log_path.open("ab", buffering=0)) as log:
        try:
            server = await start_server(cluster, watch_fd=watched, log=log)
            try:
                yield server
            finally:
                await server.stop()
        finally:
            os.close(our_end)
            os.close(watched)
