"""One embedded server for a whole run, started by the first test that needs it.

The first process of the run owns a directory and a FIFO; while that process lives, so may the
server. Test workers find the server through a file in that directory.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

from services.launcher.embedded_postgres.cluster import prepare_cluster
from services.launcher.embedded_postgres.orphans import stop_orphans
from services.launcher.embedded_postgres.server import Server, start_server
from services.runtime.database import connect
from tests.secrecy import refuse_tokens_in_files

SERVER_VARIABLE = "PUSHGATE_TEST_DATABASE_URL"
DIRECTORY_VARIABLE = "PUSHGATE_TEST_RUN_DIRECTORY"
ADMIN_DATABASE = "postgres"

# A started server outlives the worker that started it; its handle must not be collected.
_started: list[Server] = []


@contextlib.contextmanager
def run_directory() -> Generator[None]:
    """The run's directory, for this process and the workers it starts; removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="pushgate-tests-"))
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    os.mkfifo(directory / "alive")
    alive = os.open(directory / "alive", os.O_RDWR)
    try:
        yield
    finally:
        os.close(alive)
        stop_orphans(directory / "postgres")
        try:
            refuse_tokens_in_files(directory.glob("*.log"))
        finally:
            shutil.rmtree(directory)
            del os.environ[DIRECTORY_VARIABLE]


@contextlib.contextmanager
def own_directory_of_a_run() -> Generator[Path]:
    """For a data directory: ``tmp_path`` would do, were it not for other runs on this machine.

    Each of them closes pytest's directory again, also to the user that Postgres runs as.
    """
    directory = Path(tempfile.mkdtemp(dir=os.environ[DIRECTORY_VARIABLE]))
    try:
        yield directory
        refuse_tokens_in_files(directory.rglob("*.log"))
    finally:
        shutil.rmtree(directory)


async def shared_server_url() -> str:
    """The superuser's URL of the run's server, which is started if need be."""
    directory = Path(os.environ[DIRECTORY_VARIABLE])
    url_file = directory / "url"
    async with locked(directory / "server.lock"):
        if not url_file.exists():
            server = await _start(directory)
            _started.append(server)
            url_file.write_text(server.cluster.url(ADMIN_DATABASE))
        return url_file.read_text()


async def _start(directory: Path) -> Server:
    cluster = await asyncio.to_thread(prepare_cluster, directory, durable=False)
    alive = os.open(directory / "alive", os.O_RDONLY)
    try:
        with (directory / "postgres.log").open("ab", buffering=0) as log:
            return await start_server(cluster, watch_fd=alive, log=log)
    finally:
        os.close(alive)


def template_file() -> Path:
    """Holds the name of the run's template, once it is complete."""
    return Path(os.environ[DIRECTORY_VARIABLE]) / "template"


def drop_template() -> None:
    """From a server that outlives the run; ours ends with everything in it."""
    if (url := os.environ.get(SERVER_VARIABLE)) and template_file().exists():
        asyncio.run(_drop(url, template_file().read_text()))


async def _drop(url: str, name: str) -> None:
    connection = await connect(url, application_name="test")
    try:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncGenerator[None]:
    """Held by one worker at a time; given back when the worker dies."""
    with path.open("w") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield
