"""One program as a child process: started, restarted when it ends, stopped within a limit."""

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.launcher.log_files import open_log
from services.runtime.backoff import Backoff
from services.runtime.logs import Log

RESTART_SECONDS_MIN = 0.1
RESTART_SECONDS_MAX = 10.0
# A program that ran this long is healthy, and the pauses start over.
HEALTHY_SECONDS = 30.0
# More than a program's own time limits for finishing its work.
STOP_SECONDS_MAX = 20.0
# A program exits with this when a restart would do harm: a person has to look.
EXIT_DO_NOT_RESTART = 3


@dataclass(frozen=True, kw_only=True)
class Program:
    """``environment`` is the whole environment; ``descriptors`` are inherited."""

    name: str
    module: str
    environment: Mapping[str, str]
    descriptors: tuple[int, ...]
    log_path: Path


@contextlib.asynccontextmanager
async def supervise(
    program: Program, *, on_started: Callable[[str, int], None]
) -> AsyncGenerator[None]:
    """Keep the program running for the block; ``on_started(name, pid)`` is called at each start."""
    supervision = asyncio.create_task(_restart_forever(program, on_started), name=program.name)
    try:
        yield
    finally:
        supervision.cancel()
        await asyncio.gather(supervision, return_exceptions=True)


async def _restart_forever(program: Program, on_started: Callable[[str, int], None]) -> None:
    backoff = restart_backoff()
    while True:
        began = time.monotonic()
        code = None
        # A full disk or process table ends one attempt, not the supervision.
        with contextlib.suppress(OSError):
            code = await _run_once(program, on_started)
        Log().warning("child.ended", program=program.name, exit_code=code)
        if code == EXIT_DO_NOT_RESTART:
            return
        ran_seconds = time.monotonic() - began
        await asyncio.sleep(seconds_until_restart(backoff, ran_seconds=ran_seconds))


async def _run_once(program: Program, on_started: Callable[[str, int], None]) -> int:
    process = await _start(program)
    try:
        Log().info("child.started", program=program.name, pid=process.pid)
        on_started(program.name, process.pid)
        return await process.wait()
    finally:
        await terminate(process)


async def _start(program: Program) -> Process:
    with open_log(program.log_path) as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a directory called "services" in the current directory must not be imported
            "-m",
            program.module,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=program.environment,
            pass_fds=program.descriptors,
            # Ctrl-C in a terminal is for the supervisor, which stops things in order.
            start_new_session=True,
        )


async def terminate(process: Process, *, kill_after_seconds: float = STOP_SECONDS_MAX) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(kill_after_seconds):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def restart_backoff() -> Backoff:
    """Growing pauses between restarts, so that a broken program does not use up the machine."""
    return Backoff(min_seconds=RESTART_SECONDS_MIN, max_seconds=RESTART_SECONDS_MAX)


def seconds_until_restart(backoff: Backoff, *, ran_seconds: float) -> float:
    """A program that ran for ``HEALTHY_SECONDS`` is restarted as if it had never failed."""
    if ran_seconds >= HEALTHY_SECONDS:
        backoff.reset()
    return backoff.next_seconds()


def base_environment() -> dict[str, str]:
    """Our environment without secrets and without what belongs to one program only."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not (
            name.startswith("PUSHGATE_")
            and name.endswith(("_URL", "_TOKEN", "_PASSWORD", "_FD", "_PORT", "_HOST"))
        )
    }
    return inherited | {"PYTHONPATH": str(Path(__file__).parents[2])}
