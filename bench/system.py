"""What is measured on: a durable embedded server of the run's own, and programs started on it."""

import asyncio
import contextlib
import functools
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.measure import Context
from services.launcher.embedded_postgres.cluster import Cluster, prepare_cluster
from services.launcher.embedded_postgres.server import running_server
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.database import connect, pool
from services.runtime.migrations import OWNER, ROLES, create_roles, grant_destination, migrate
from services.tokens.domain.permissions import system_caller
from services.tokens.use_cases.use_cases import UseCases

MAIN, DESTINATION = "pushgate", "pushgate_destination"
READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 20.0


@contextlib.asynccontextmanager
async def bench_context() -> AsyncIterator[Context]:
    directory = Path(tempfile.mkdtemp(prefix="pushgate-bench-"))
    try:
        cluster = await asyncio.to_thread(prepare_cluster, directory, durable=True)
        async with running_server(cluster, log_path=directory / "postgres.log"):
            passwords = {role: Secret(secrets.token_hex(16)) for role in ROLES}
            await _migrated(cluster, passwords)
            async with _context(directory, cluster, passwords) as context:
                yield context
    finally:
        shutil.rmtree(directory)


async def _migrated(cluster: Cluster, passwords: Mapping[str, Secret]) -> None:
    admin = await connect(cluster.url("postgres"), application_name="bench")
    await admin.execute(f"CREATE DATABASE {MAIN}")
    await admin.execute(f"CREATE DATABASE {DESTINATION}")
    await admin.close()
    await create_roles(cluster.url(MAIN), passwords)
    await grant_destination(cluster.url(DESTINATION))
    await migrate(_role_url(cluster, passwords, MAIN, OWNER))


def _role_url(cluster: Cluster, passwords: Mapping[str, Secret], database: str, role: str) -> str:
    return cluster.url(database, user=role, password=passwords[role].reveal())


@contextlib.asynccontextmanager
async def _context(
    directory: Path, cluster: Cluster, passwords: Mapping[str, Secret]
) -> AsyncIterator[Context]:
    role_url = functools.partial(_role_url, cluster, passwords, MAIN)
    tokens = pool(role_url("pushgate_tokens"), application_name="bench", connections_max=2)
    async with tokens:
        use_cases = UseCases(tokens, SystemClock())
        account = await use_cases.accounts.open("Bench")
        caller = system_caller(account.account_id)
        yield Context(
            directory=directory,
            cluster=cluster,
            role_url=role_url,
            destination_url=_role_url(cluster, passwords, DESTINATION, "pushgate_loader"),
            client_id=account.account_id,
            create_integration=functools.partial(
                use_cases.integrations.create, caller, with_token=True
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Served:
    """A program of ours that is running and ready."""

    port: int
    pid: int

    def peak_resident_megabytes(self) -> float:
        return self._megabytes("VmHWM")

    def resident_megabytes(self) -> float:
        return self._megabytes("VmRSS")

    def _megabytes(self, figure: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{figure}:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError("the kernel does not report the memory usage of a process")


@contextlib.asynccontextmanager
async def serving(
    context: Context, module: str, environment: Mapping[str, str]
) -> AsyncIterator[Served]:
    """`python -m module` on free ports, from ready to stopped."""
    with _listening() as served, _listening() as operations:
        with (context.directory / f"{module}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module),
                env={
                    **os.environ,
                    "PUSHGATE_PORT": "0",
                    "PUSHGATE_OPS_PORT": "0",
                    "PUSHGATE_LISTEN_FD": str(served.fileno()),
                    "PUSHGATE_OPS_FD": str(operations.fileno()),
                    **environment,
                },
                pass_fds=(served.fileno(), operations.fileno()),
                stderr=log,
            )
        try:
            await _ready(operations.getsockname()[1], process)
            yield Served(port=served.getsockname()[1], pid=process.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await process.wait()


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening


async def _ready(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_SECONDS_MAX), aiohttp.ClientSession() as session:
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/health/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise RuntimeError(f"the program ended with code {process.returncode}; see its log")
