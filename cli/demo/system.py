"""A throw-away system: `pushgate up` on free ports, in a directory that is removed afterwards."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.failure import Refused
from cli.target import Target, find_target

READY_SECONDS_MAX = 90
STOP_SECONDS_MAX = 60
COMMAND_SECONDS_MAX = 300
LINES_SHOWN = 20
FREE_PORTS = ("--tokens-port", "0", "--ingest-port", "0", "--history-port", "0")


@dataclass(frozen=True, kw_only=True)
class Command:
    exit_code: int
    output: str
    errors: str

    @property
    def document(self) -> Any:
        return json.loads(self.output)


@dataclass(frozen=True, kw_only=True)
class System:
    data_dir: Path
    ready: str  # the line that `up` printed
    pid: int

    @property
    def target(self) -> Target:
        return find_target(str(self.data_dir), {})

    async def command(self, *words: str, given: str | None = None, **variables: str) -> Command:
        """`pushgate WORDS`, as a person would type it here; ``given`` is its standard input."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", *words),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=_environment(self.data_dir) | variables,
        )
        async with asyncio.timeout(COMMAND_SECONDS_MAX):
            output, errors = await process.communicate((given or "").encode())
        assert process.returncode is not None, "communicate waits for the end"
        return Command(exit_code=process.returncode, output=output.decode(), errors=errors.decode())

    async def asked(self, *words: str) -> Any:
        """The JSON document that a command answers with; raises Refused when it fails."""
        command = await self.command(*words, "--json")
        if command.exit_code != 0:
            raise Refused(f"`pushgate {' '.join(words)}` failed: {command.errors.strip()}")
        return command.document


@contextlib.asynccontextmanager
async def throw_away_system() -> AsyncIterator[System]:
    """Raises Refused, with the end of its log, when it does not come up."""
    data_dir = Path(tempfile.mkdtemp(prefix="pushgate-"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "up", *FREE_PORTS),
        stdout=PIPE,
        stderr=STDOUT,
        env=_environment(data_dir),
    )
    try:
        ready = await _ready(process)
        draining = asyncio.create_task(_drain(process))
        yield System(data_dir=data_dir, ready=ready, pid=process.pid)
        draining.cancel()
    finally:
        await _stop(process)
        await asyncio.to_thread(shutil.rmtree, data_dir, ignore_errors=True)


def _environment(data_dir: Path) -> dict[str, str]:
    """Nothing of the caller's own settings: they would lead to another system."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PUSHGATE_")}
    return kept | {"PUSHGATE_DATA_DIR": str(data_dir)}


async def _ready(process: Process) -> str:
    assert process.stdout is not None, "it was started with a pipe"
    said = deque[str](maxlen=LINES_SHOWN)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS_MAX):
            async for line in process.stdout:
                if line.startswith(b"ready "):
                    return line.decode().strip()
                said.append(line.decode(errors="replace").rstrip())
    raise Refused("`pushgate up` did not become ready. It said:\n" + "\n".join(said))


async def _drain(process: Process) -> None:
    """A full pipe would stop it."""
    assert process.stdout is not None, "it was started with a pipe"
    while await process.stdout.read(65_536):
        pass


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
