"""What holds for every test; the databases are in tests/database."""

import contextlib
import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

from tests.database.containers import container_if_asked_for
from tests.database.shared_server import (
    DIRECTORY_VARIABLE,
    SERVER_VARIABLE,
    drop_template,
    own_directory_of_a_run,
    run_directory,
)
from tests.rounds import rounds

pytest_plugins = [
    "tests.canary",
    "tests.database.fixtures",
    "tests.database.marker",
    "tests.lanes",
    "tests.system.shared",
]

# The same examples every time: a red test is red for everybody.
settings.register_profile(
    "pushgate",
    max_examples=rounds(small=50, full=1000),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("pushgate")

# Where blocking the loop is right, and why.
MAY_BLOCK = [
    # The driver looks for TLS keys and a password file each time it connects: local and short.
    ("asyncpg/connect_utils.py", {"_parse_connect_arguments"}),
    # Migrations run before anything is served.
    ("services/runtime/migrations.py", {"migrations"}),
    # A command has its loop for itself, in a process or, in tests, in a thread of its own.
    ("tests/system/commands_here.py", {"run_here"}),
]
# The supervisor and what starts Postgres serve nobody.
MAY_BLOCK_MODULES = ["services.launcher.embedded_postgres", "services.launcher"]

_held_for_the_run = contextlib.ExitStack()


def pytest_configure() -> None:
    """In the run's first process, before it starts workers: what they will share."""
    # Until all tests are collected; what that makes stays to the end.
    gc.disable()
    # Tests start hundreds of our programs; without compiled files each takes twice as long.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if DIRECTORY_VARIABLE in os.environ:
        return
    _read_no_authorities()
    _held_for_the_run.enter_context(run_directory())
    if SERVER_VARIABLE not in os.environ and (container := container_if_asked_for()):
        _held_for_the_run.callback(container.stop)
        os.environ[SERVER_VARIABLE] = container.get_connection_url()
    _held_for_the_run.callback(drop_template)


def pytest_collection_finish() -> None:
    """Four thousand tests and all their modules are never looked through for garbage again."""
    gc.freeze()
    gc.enable()


def _read_no_authorities() -> None:
    """Importing aiohttp reads a file of them all, which is a tenth of a program's start.

    pip, which fetches the demo's archive, has the file by another name, or else the system's
    directory.
    """
    if given := os.environ.get("SSL_CERT_FILE"):
        os.environ.setdefault("PIP_CERT", given)
    os.environ["SSL_CERT_FILE"] = os.devnull


def pytest_unconfigure() -> None:
    _held_for_the_run.close()


@pytest.fixture
def own_directory() -> Generator[Path]:
    with own_directory_of_a_run() as directory:
        yield directory


@pytest.fixture(scope="session", autouse=True)
def no_blocking_calls_in_the_loop() -> Generator[BlockBuster]:
    """A call that blocks the event loop fails the test that made it.

    For the whole run: to begin and to end it takes longer than most tests.
    """
    with blockbuster_ctx(
        scanned_modules=["events", "protocol", "services", "pushgate_client"],
        excluded_modules=MAY_BLOCK_MODULES,
    ) as watched:
        for blocking in watched.functions.values():
            for file, functions in MAY_BLOCK:
                blocking.can_block_in(file, functions)
        yield watched
