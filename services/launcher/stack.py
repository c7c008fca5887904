"""The whole stack: PostgreSQL and all programs, started and stopped in order."""

import asyncio
import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from services.launcher.child import Program, base_environment, supervise
from services.launcher.child_registry import stop_orphans
from services.launcher.data_directory import DataDirectory, exclusive
from services.launcher.databases import Databases, embedded_superuser_url, prepare_databases
from services.launcher.log_files import open_log_text, rotate_forever
from services.launcher.run_file import AccountCredentials, RunFile
from services.launcher.sockets import Listening, listening
from services.runtime.config import Secret
from services.runtime.logs import configure_logs

# Programs stop in the reverse order: ingest stops accepting before the loader stops loading, and
# PostgreSQL stops last.
START_ORDER = ("history", "signer", "tokens", "loader", "ingest")
MODULES = {program: f"services.{program}" for program in START_ORDER} | {
    "signer": "services.history.signer"
}
# A signer that halts stops appends, and nothing else.
WAITED_FOR = tuple(program for program in START_ORDER if program != "signer")

READY_POLL_SECONDS = 0.05
READY_NOTICE_SECONDS = 20.0
READY_RESPONSE_SECONDS_MAX = 5.0


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """``ports`` by program; ``first_account`` returns new credentials, or None to keep the old."""

    data_directory: Path
    ports: Mapping[str, int]
    database_url: Secret | None = None
    destination_url: Secret | None = None
    first_account: Callable[
        [Databases, AccountCredentials | None], Awaitable[AccountCredentials | None]
    ]
    modules: Mapping[str, str] = field(default_factory=lambda: MODULES)


@dataclass(frozen=True, kw_only=True)
class RunningStack:
    directory: DataDirectory
    urls: Mapping[str, str]
    databases: Databases
    # None when the credentials of an earlier start remain in use.
    new_account: AccountCredentials | None


@contextlib.asynccontextmanager
async def run_stack(options: StackOptions) -> AsyncGenerator[RunningStack]:
    """Runs during the block; every program is ready at its beginning.

    Raises AlreadyUp, PortTaken, ServerFailed, ClusterUnusable or MigrationRefused.
    """
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(exclusive(options.data_directory))
        # Events of the children go to a log file; the terminal is for notices.
        configure_logs("up", stack.enter_context(open_log_text(directory.log_path("up"))))
        await asyncio.to_thread(stop_orphans, directory, print_notice)
        run_file = RunFile(directory)
        sockets = stack.enter_context(listening(options.ports))
        run_file.set_addresses(sockets)
        await stack.enter_async_context(_in_background(rotate_forever(directory.logs)))
        databases = await _databases(options, directory, run_file, stack)
        run_file.set_databases(databases)
        account = await options.first_account(databases, run_file.account)
        if account is not None:
            run_file.keep_account(account)
        for program in _programs(options, directory, databases, sockets, stack):
            await stack.enter_async_context(supervise(program, on_started=run_file.record_pid))
        await _wait_until_ready(sockets, directory)
        urls = {name: own.url for name, own in sockets.items() if own.url is not None}
        yield RunningStack(directory=directory, urls=urls, databases=databases, new_account=account)


async def _databases(
    options: StackOptions,
    directory: DataDirectory,
    run_file: RunFile,
    stack: contextlib.AsyncExitStack,
) -> Databases:
    admin = options.database_url
    if admin is None:
        admin = await stack.enter_async_context(
            embedded_superuser_url(
                directory, print_notice=print_notice, on_started=run_file.record_pid
            )
        )
    passwords = directory.passwords(os.environ)
    return await prepare_databases(admin, passwords, destination=options.destination_url)


def _programs(
    options: StackOptions,
    directory: DataDirectory,
    databases: Databases,
    sockets: Mapping[str, Listening],
    stack: contextlib.ExitStack | contextlib.AsyncExitStack,
) -> list[Program]:
    """In start order, each with its own environment, sockets and database role."""
    parent, alive = os.pipe()
    stack.callback(os.close, parent)
    stack.callback(os.close, alive)
    programs = []
    for name in START_ORDER:
        own = sockets[name]
        descriptors = {"PUSHGATE_PARENT_FD": parent, "PUSHGATE_OPS_FD": own.operations.fileno()}
        if own.served is not None:
            descriptors["PUSHGATE_LISTEN_FD"] = own.served.fileno()
        environment = base_environment() | {
            "PUSHGATE_DATABASE_URL": databases.url(f"pushgate_{name}").reveal(),
            **{variable: str(number) for variable, number in descriptors.items()},
        }
        if name == "loader":
            environment["PUSHGATE_DESTINATION_URL"] = databases.destination.reveal()
        if name == "tokens":
            environment["PUSHGATE_IMPORT_URL"] = sockets["ingest"].url or ""
        if name == "signer":
            environment["PUSHGATE_SIGNER_DIR"] = str(directory.signer)
        programs.append(
            Program(
                name=name,
                module=options.modules[name],
                environment=environment,
                descriptors=tuple(descriptors.values()),
                log_path=directory.log_path(name),
            )
        )
    return programs


async def _wait_until_ready(sockets: Mapping[str, Listening], directory: DataDirectory) -> None:
    """Without a limit: a program that ends is restarted, and someone may fix what it lacks."""
    limit = aiohttp.ClientTimeout(total=READY_RESPONSE_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=limit) as session:
        for program in WAITED_FOR:
            own = sockets[program]
            notice_at = time.monotonic() + READY_NOTICE_SECONDS
            while not await _is_ready(session, own.operations_url):
                await asyncio.sleep(READY_POLL_SECONDS)
                if time.monotonic() > notice_at:
                    print_notice(f"{program} is not ready yet: see {directory.log_path(program)}")
                    notice_at = math.inf


async def _is_ready(session: aiohttp.ClientSession, operations_url: str) -> bool:
    try:
        async with session.get(f"{operations_url}/health/ready") as answer:
            return answer.status == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError):
        return False


@contextlib.asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run_until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Runs ``work``; the first SIGTERM or SIGINT cancels it, later ones are ignored."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not task.cancelling():
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def print_notice(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
