"""An installation under test: a data directory, and the supervisor process that serves it."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.eventually import eventually

READY_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 40.0
ROOT = Path(__file__).parents[2]
TINY_UP = (sys.executable, "-m", "tests.launcher.tiny_up")


@dataclass
class Installation:
    directory: Path
    command: Sequence[str] = TINY_UP
    up: Process | None = field(default=None)
    ready: str = ""
    printed: str = ""

    async def start(self) -> str:
        """Returns the ready line."""
        self.up = await self._spawn()
        self.printed = ""
        assert self.up.stdout is not None
        async with asyncio.timeout(READY_SECONDS_MAX):
            async for line in self.up.stdout:
                if line.startswith(b"ready"):
                    self.ready = line.decode()
                    return self.ready
        _, error = await self.up.communicate()
        raise AssertionError(f"ended with {self.up.returncode} before ready: {error.decode()}")

    async def be_well(self) -> None:
        """Up, and every program ready, whatever was done to it before."""
        if self.up is None or self.up.returncode is not None:
            await self.start()
        await eventually(self._is_well, seconds=READY_SECONDS_MAX)

    async def _is_well(self) -> bool:
        ready = [
            (await answered(f"{part['ops_url']}/health/ready")) is not None
            for part in self.run_json().values()
            if isinstance(part, dict) and "ops_url" in part
        ]
        return all(ready) and all(is_alive(pid) for pid in self.pids().values())

    async def printed_until(self, text: str) -> str:
        """What it printed after the ready line, at least up to the line that holds ``text``.

        Whoever asks first does not take it away from others.
        """
        assert self.up is not None
        assert self.up.stdout is not None
        async with asyncio.timeout(READY_SECONDS_MAX):
            while text not in self.printed:
                line = await self.up.stdout.readline()
                assert line, f"it ended before it printed {text!r}"
                self.printed += line.decode()
        return self.printed

    async def start_and_be_refused(self) -> tuple[int, str]:
        """The exit code and standard error of a start that ends by itself."""
        process = await self._spawn()
        async with asyncio.timeout(READY_SECONDS_MAX):
            _, error = await process.communicate()
        assert process.returncode is not None
        return process.returncode, error.decode()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.up is not None
        self.up.send_signal(number)
        async with asyncio.timeout(STOP_SECONDS_MAX):
            return await self.up.wait()

    async def end(self) -> None:
        """However the test left it."""
        if self.up is not None and self.up.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                await self.stop()

    def run_json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.directory / "run.json").read_text())
        return content

    def pids(self) -> dict[str, int]:
        run = self.run_json()
        return {name: part["pid"] for name, part in run.items() if isinstance(part, dict)}

    async def who_answers(self, program: str) -> dict[str, Any]:
        """Waits while the program is being restarted."""
        return await eventually(lambda: self._ask(program), seconds=READY_SECONDS_MAX)

    async def _ask(self, program: str) -> dict[str, Any] | None:
        return await answered(self.run_json()[program]["url"])

    async def _spawn(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *self.command,
            str(self.directory),
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.directory.parent,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )


async def answered(url: str) -> dict[str, Any] | None:
    """A JSON document that was answered with 200; else None."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(url) as answer,
        ):
            document: dict[str, Any] | None = await answer.json() if answer.ok else None
            return document
    except (aiohttp.ClientError, TimeoutError):
        return None


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_alive(pid: int) -> bool:
    """A process that nobody has waited for yet counts as gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
