"""Embedded Postgres as a child: started again when it ends, on the same port."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable

from services.launcher.child import Pauses
from services.launcher.data_directory import DataDirectory
from services.launcher.embedded_postgres.cluster import Cluster
from services.launcher.embedded_postgres.server import Server, ServerFailed, start_server
from services.launcher.log_files import open_log
from services.runtime.logs import Log

NAME = "postgres"


@contextlib.asynccontextmanager
async def kept_postgres(
    cluster: Cluster, directory: DataDirectory, *, started: Callable[[str, int], None]
) -> AsyncGenerator[None]:
    """Answers from the beginning of the block on; raises ServerFailed when it cannot start."""
    watched, held = os.pipe()
    try:
        server = await _start(cluster, directory, watched, started)
        keeping = asyncio.create_task(
            _keep_running(server, directory, watched, started), name="postgres"
        )
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    finally:
        os.close(held)
        os.close(watched)


async def _keep_running(
    server: Server, directory: DataDirectory, watched: int, started: Callable[[str, int], None]
) -> None:
    pauses = Pauses()
    try:
        while True:
            began = time.monotonic()
            code = await server.ended()
            Log().warning("child.ended", program=NAME, exit_code=code)
            await asyncio.sleep(pauses.after_running(time.monotonic() - began))
            with contextlib.suppress(ServerFailed, OSError):
                server = await _start(server.cluster, directory, watched, started)
    finally:
        await server.stop()


async def _start(
    cluster: Cluster, directory: DataDirectory, watched: int, started: Callable[[str, int], None]
) -> Server:
    with open_log(directory.log_path(NAME)) as log:
        server = await start_server(cluster, watch_fd=watched, log=log)
    if (pid := server.pid) is not None:
        Log().info("child.started", program=NAME, pid=pid)
        started(NAME, pid)
    return server
