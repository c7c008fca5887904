"""Embedded PostgreSQL as a child process: restarted when it ends, on the same port."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable

from services.launcher.child import restart_backoff, seconds_until_restart
from services.launcher.data_directory import DataDirectory
from services.launcher.embedded_postgres.cluster import Cluster
from services.launcher.embedded_postgres.server import Server, ServerFailed, start_server
from services.launcher.log_files import open_log
from services.runtime.logs import Log

NAME = "postgres"


@contextlib.asynccontextmanager
async def supervise_postgres(
    cluster: Cluster, directory: DataDirectory, *, on_started: Callable[[str, int], None]
) -> AsyncGenerator[None]:
    """Accepts connections during the block; raises ServerFailed when it cannot start."""
    watched, our_end = os.pipe()
    try:
        server = await _start(cluster, directory, watched, on_started)
        supervision = asyncio.create_task(
            _restart_forever(server, directory, watched, on_started), name="postgres"
        )
        try:
            yield
        finally:
            supervision.cancel()
            await asyncio.gather(supervision, return_exceptions=True)
    finally:
        os.close(our_end)
        os.close(watched)


async def _restart_forever(
    server: Server, directory: DataDirectory, watched: int, on_started: Callable[[str, int], None]
) -> None:
    backoff = restart_backoff()
    try:
        while True:
            began = time.monotonic()
            code = await server.wait()
            Log().warning("child.ended", program=NAME, exit_code=code)
            ran_seconds = time.monotonic() - began
            await asyncio.sleep(seconds_until_restart(backoff, ran_seconds=ran_seconds))
            with contextlib.suppress(ServerFailed, OSError):
                server = await _start(server.cluster, directory, watched, on_started)
    finally:
        await server.stop()


async def _start(
    cluster: Cluster, directory: DataDirectory, watched: int, on_started: Callable[[str, int], None]
) -> Server:
    with open_log(directory.log_path(NAME)) as log:
        server = await start_server(cluster, watch_fd=watched, log=log)
    if (pid := server.pid) is not None:
        Log().info("child.started", program=NAME, pid=pid)
        on_started(NAME, pid)
    return server
