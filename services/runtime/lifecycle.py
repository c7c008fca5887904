"""The life of a program: it starts, serves, and stops in order, each step with a time limit."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol, TypeVar

import uvloop
from aiohttp import web

from events.sql_files import load_queries
from services.runtime.clock import Clock, SystemClock
from services.runtime.config import BadSettings, read_settings
from services.runtime.database import AWAY, DatabaseUnsuitable
from services.runtime.fast_paths import GC_ALLOCATIONS, start_garbage_collection
from services.runtime.hardened_http import HardenedRunner
from services.runtime.http import HEALTH, operations_app
from services.runtime.logs import Log, configure_logs
from services.runtime.metrics import EVENT_LOOP_DELAY_SECONDS

BackgroundLoop = Callable[[asyncio.Event], Awaitable[None]]

EXIT_DIED = 1
EXIT_USAGE = 2
DELAY_EVERY_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Where a program listens. Sockets inherited from `pushgate up` (``…_fd``) take precedence."""

    port: int
    ops_port: int
    host: str = "127.0.0.1"
    ops_host: str = "127.0.0.1"
    listen_fd: int | None = None
    ops_fd: int | None = None
    parent_fd: int | None = None
    # Set if only a trusted proxy can reach the program: X-Forwarded-For then names the caller.
    behind_proxy: bool = False
    drain_seconds: float = field(default=10.0, metadata={"at_least": 0, "at_most": 3_600})


class Lifecycle:
    """Signals the parts of a program that it stops, and the program that a part has failed."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.exit_code = 0

    def stop(self, why: str) -> None:
        if not self.stopping.is_set():
            Log().info("program.stopping", why=why)
            self.stopping.set()

    def fail(self, why: str, exit_code: int = EXIT_DIED) -> None:
        self.exit_code = exit_code
        self.stop(why)


LIFECYCLE: web.AppKey[Lifecycle] = web.AppKey("lifecycle", Lifecycle)


@contextlib.asynccontextmanager
async def background(
    lifecycle: Lifecycle, name: str, run: BackgroundLoop, *, stop_seconds: float
) -> AsyncIterator[asyncio.Event]:
    """Runs a loop in the background for the length of the block.

    ``run`` gets an event that is set when it must end; ``stop_seconds`` later it is cancelled. If
    the loop ends before that the program stops, because a server without it must not continue.
    """
    ending = asyncio.Event()

    async def guarded() -> None:
        try:
            await run(ending)
        except Exception:  # noqa: BLE001 — the top of a task: logged, then the program stops
            Log().exception("loop.died", loop=name)
            lifecycle.fail(f"the loop {name} died")
        else:
            if not ending.is_set():
                Log().error("loop.died", loop=name)
                lifecycle.fail(f"the loop {name} ended by itself")

    task = asyncio.create_task(guarded(), name=name)
    try:
        yield ending
    finally:
        ending.set()
        _, late = await asyncio.wait({task}, timeout=stop_seconds)
        for straggler in late:
            straggler.cancel()
        await asyncio.gather(task, return_exceptions=True)


ServerSettingsT = TypeVar("ServerSettingsT", bound=ServerSettings)
ServerSettingsT_contra = TypeVar("ServerSettingsT_contra", bound=ServerSettings, contravariant=True)


class BuildApp(Protocol[ServerSettingsT_contra]):
    def __call__(self, settings: ServerSettingsT_contra, /, *, clock: Clock) -> web.Application: ...


def run_main(
    program: str,
    settings_class: type[ServerSettingsT],
    build_app: BuildApp[ServerSettingsT],
    *,
    statements: Sequence[str] = (),
    before: Callable[[], object] | None = None,
    gc_allocations: int = GC_ALLOCATIONS,
    serves: bool = True,
) -> NoReturn:
    """Runs a whole program, from its environment to its exit code.

    ``statements`` are the packages of the queries it uses, and ``before`` is called outside
    of the event loop. Both happen before the program serves, because they read from disk.

    The caller disables garbage collection before its imports; it starts here (fast_paths.py).
    """
    configure_logs(program)
    try:
        settings = read_settings(settings_class, os.environ)
    except BadSettings as bad:
        sys.stderr.write(f"{bad}\n")
        _exit_with(EXIT_USAGE)
    for package in statements:
        load_queries(package)
    if before is not None:
        before()
    start_garbage_collection(gc_allocations)
    clock = SystemClock()
    _exit_with(
        run_program(lambda: build_app(settings, clock=clock), settings, clock=clock, serves=serves)
    )


def run_program(
    build: Callable[[], web.Application],
    settings: ServerSettings,
    *,
    clock: Clock,
    serves: bool = True,
) -> int:
    """Runs the program until it is stopped, and returns its exit code.

    ``build`` is called inside the event loop and returns an application with HEALTH and LIFECYCLE.
    SIGTERM, SIGINT and the end of the parent's pipe stop the program: it reports not ready,
    finishes the requests in progress, then closes each part, within ``drain_seconds`` each.
    ``serves=False``: a program without a public port, which only runs background loops.
    """
    return uvloop.run(_run(build, settings, clock=clock, serves=serves))


async def _run(
    build: Callable[[], web.Application],
    settings: ServerSettings,
    *,
    clock: Clock,
    serves: bool,
) -> int:
    app = build()
    lifecycle, health = app[LIFECYCLE], app[HEALTH]
    health.starting = True
    _watch_signals(lifecycle)
    _watch_parent(lifecycle, settings.parent_fd)
    runner = HardenedRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=settings.drain_seconds
    )
    operations = web.AppRunner(operations_app(health), access_log=None, shutdown_timeout=1.0)
    await operations.setup()
    await _listen(operations, settings.ops_host, settings.ops_port, settings.ops_fd)
    measuring = asyncio.create_task(_measure_delay(clock))
    try:
        await runner.setup()
        if serves:
            await _listen(runner, settings.host, settings.port, settings.listen_fd)
        health.starting = False
        Log().info(
            "program.started",
            address=[str(address) for address in runner.addresses],
            operations=[str(address) for address in operations.addresses],
        )
        await lifecycle.stopping.wait()
    except DatabaseUnsuitable as error:
        Log().error("program.not_started", reason=str(error))
        lifecycle.exit_code = EXIT_DIED
    except AWAY as error:
        Log().error("program.not_started", reason=f"the database does not answer: {error!r}")
        lifecycle.exit_code = EXIT_DIED
    finally:
        measuring.cancel()
        began = clock.monotonic()
        health.stopping = True
        await runner.cleanup()
        await operations.cleanup()
        Log().info("program.stopped", seconds=round(clock.monotonic() - began, 3))
    return lifecycle.exit_code


async def _measure_delay(clock: Clock) -> None:
    """Measures how late a timer fires: by as much as some step blocks the event loop."""
    while True:
        due = clock.monotonic() + DELAY_EVERY_SECONDS
        await asyncio.sleep(DELAY_EVERY_SECONDS)
        EVENT_LOOP_DELAY_SECONDS.observe(max(0.0, clock.monotonic() - due))


async def _listen(runner: web.AppRunner, host: str, port: int, descriptor: int | None) -> None:
    site: web.BaseSite
    if descriptor is None:
        site = web.TCPSite(runner, host, port, backlog=1024)
    else:
        inherited = socket.socket(fileno=os.dup(descriptor))
        inherited.setblocking(False)  # noqa: FBT003 — the socket module's own signature
        site = web.SockSite(runner, inherited, backlog=1024)
    await site.start()


def _watch_signals(lifecycle: Lifecycle) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lifecycle.stop, signal.Signals(number).name)


def _watch_parent(lifecycle: Lifecycle, descriptor: int | None) -> None:
    if descriptor is not None:
        asyncio.get_running_loop().add_reader(descriptor, _parent_is_gone, lifecycle, descriptor)


def _parent_is_gone(lifecycle: Lifecycle, descriptor: int) -> None:
    if not os.read(descriptor, 1):
        asyncio.get_running_loop().remove_reader(descriptor)
        lifecycle.stop("the parent process is gone")


def _exit_with(code: int) -> NoReturn:
    """Ends the process after flushing standard output and standard error."""
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
