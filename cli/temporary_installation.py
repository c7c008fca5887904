"""A Pushgate installation in a temporary directory, for the demo and for tests.

It is `pushgate up` on free ports; the directory is removed afterwards.
"""

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
from services.launcher.child import terminate

# Less than the time limit of a test, so that an installation that does not start is still stopped.
READY_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
COMMAND_SECONDS_MAX = 300
OUTPUT_LINES_MAX = 100
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
class LocalInstallation:
    """An installation that runs on this machine, found by its data directory."""

    data_dir: Path
    installation: Installation

    async def run(self, *words: str, stdin: str = "", **variables: str) -> CompletedCommand:
        """Run `pushgate WORDS` as a process of its own."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", *words),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment(self.data_dir) | variables,
        )
        async with asyncio.timeout(COMMAND_SECONDS_MAX):
            output, errors = await process.communicate(stdin.encode())
        assert process.returncode is not None, "communicate waits for the end"
        return CompletedCommand(
            exit_code=process.returncode, output=output.decode(), errors=errors.decode()
        )

    async def run_json(self, *words: str) -> Any:
        """The JSON document that a command prints; raises CommandFailed when the command fails."""
        command = await self.run(*words, "--json")
        if command.exit_code != 0:
            raise CommandFailed(f"`pushgate {' '.join(words)}` failed: {command.errors.strip()}")
        return command.document


@dataclass(frozen=True, kw_only=True)
class TemporaryInstallation(LocalInstallation):
    """``output``: the last lines that `up` printed, including the one that begins with "ready"."""

    pid: int
    output: deque[str]


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
        # If it did not become ready, the directory stays: its logs say why.
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
    output = deque[str](maxlen=OUTPUT_LINES_MAX)
    try:
        if not await _is_ready(process, output):
            raise CommandFailed(
                f"`pushgate up` did not become ready in {data_dir}:\n" + "\n".join(output)
            )
        installation = await asyncio.to_thread(find_installation, str(data_dir), {})
        reading = asyncio.create_task(_read_output(process, output))
        yield TemporaryInstallation(
            data_dir=data_dir, installation=installation, pid=process.pid, output=output
        )
        reading.cancel()
    finally:
        await terminate(process, kill_after_seconds=STOP_SECONDS_MAX)


def environment(data_dir: Path) -> dict[str, str]:
    """The caller's own settings are left out: they would lead to another installation."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PUSHGATE_")}
    return kept | {"PUSHGATE_DATA_DIR": str(data_dir)}


async def _is_ready(process: Process, output: deque[str]) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS_MAX):
            async for line in _lines(process):
                output.append(line)
                if line.startswith("ready "):
                    return True
    return False


async def _read_output(process: Process, output: deque[str]) -> None:
    """Until the process ends: a full pipe would block it."""
    async for line in _lines(process):
        output.append(line)


async def _lines(process: Process) -> AsyncIterator[str]:
    assert process.stdout is not None, "it was started with a pipe"
    async for line in process.stdout:
        yield line.decode(errors="replace").rstrip("\n")
