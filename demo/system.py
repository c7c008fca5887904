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
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.errors import CommandFailed
from cli.installation import Installation, find_installation

# Less than the time-out of a test, so that a system that does not come up is still taken down.
READY_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
COMMAND_SECONDS_MAX = 300
LINES_KEPT = 100
FREE_PORTS = ("--tokens-port", "0", "--ingest-port", "0", "--history-port", "0")


@dataclass(frozen=True, kw_only=True)
class CompletedCommand:
    exit_code: int
    output: str
    errors: str

    @property
    def document(self) -> Any:
        return json.loads(self.output)


@dataclass(frozen=True, kw_only=True)
class TemporaryInstallation:
    """``output``: the last lines that `up` printed, the one that begins with "ready" among them."""

    data_dir: Path
    installation: Installation
    pid: int
    output: deque[str]

    async def run(
        self, *words: str, given: str | None = None, **variables: str
    ) -> CompletedCommand:
        """`pushgate WORDS`, as a person would type it here; ``given`` is its standard input."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", *words),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment(self.data_dir) | variables,
        )
        async with asyncio.timeout(COMMAND_SECONDS_MAX):
            output, errors = await process.communicate((given or "").encode())
        assert process.returncode is not None, "communicate waits for the end"
        return CompletedCommand(
            exit_code=process.returncode, output=output.decode(), errors=errors.decode()
        )

    async def run_json(self, *words: str) -> Any:
        """The JSON document that a command answers with; raises CommandFailed when it fails."""
        command = await self.run(*words, "--json")
        if command.exit_code != 0:
            raise CommandFailed(f"`pushgate {' '.join(words)}` failed: {command.errors.strip()}")
        return command.document


@contextlib.asynccontextmanager
async def temporary_installation(*options: str) -> AsyncIterator[TemporaryInstallation]:
    """``options`` are for `up`. Raises CommandFailed, with its output, when it does not start."""
    data_dir = Path(tempfile.mkdtemp(prefix="pushgate-"))
    was_ready = False
    try:
        async with running_installation(data_dir, *options) as installation:
            was_ready = True
            yield installation
    finally:
        # If it did not become ready, its logs are what one needs.
        if was_ready:
            await asyncio.to_thread(shutil.rmtree, data_dir, ignore_errors=True)


@contextlib.asynccontextmanager
async def running_installation(
    data_dir: Path, *options: str, variables: Mapping[str, str] | None = None
) -> AsyncIterator[TemporaryInstallation]:
    """`pushgate up` on a data directory that stays; raises CommandFailed as above."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "up", *FREE_PORTS, *options),
        stdout=PIPE,
        stderr=STDOUT,
        env=environment(data_dir) | dict(variables or {}),
    )
    output = deque[str](maxlen=LINES_KEPT)
    try:
        if not await _wait_until_ready(process, output):
            raise CommandFailed(
                f"`pushgate up` did not become ready in {data_dir}:\n" + "\n".join(output)
            )
        installation = await asyncio.to_thread(find_installation, str(data_dir), {})
        listening = asyncio.create_task(_collect_output(process, output))
        yield TemporaryInstallation(
            data_dir=data_dir, installation=installation, pid=process.pid, output=output
        )
        listening.cancel()
    finally:
        await _stop(process)


def environment(data_dir: Path) -> dict[str, str]:
    """Nothing of the caller's own settings: they would lead to another system."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PUSHGATE_")}
    return kept | {"PUSHGATE_DATA_DIR": str(data_dir)}


async def _wait_until_ready(process: Process, output: deque[str]) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS_MAX):
            async for line in _lines(process):
                output.append(line)
                if line.startswith("ready "):
                    return True
    return False


async def _collect_output(process: Process, output: deque[str]) -> None:
    """To the end: a full pipe would stop it."""
    async for line in _lines(process):
        output.append(line)


async def _lines(process: Process) -> AsyncIterator[str]:
    assert process.stdout is not None, "it was started with a pipe"
    async for line in process.stdout:
        yield line.decode(errors="replace").rstrip("\n")


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
