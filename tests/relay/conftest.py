"""A relay in front of the shared system: in this process, or in one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.temporary_installation import TemporaryInstallation
from services.relay.app import RelaySettings, running_relay
from services.runtime.clock import SystemClock
from tests.cli.made import Made

START_SECONDS_MAX = 30

Relay = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def token_file(tmp_path: Path, source: Made) -> Path:
    path = tmp_path / "token"
    path.write_text(source.token + "\n")
    return path


@pytest.fixture
def settings(system: TemporaryInstallation, token_file: Path, tmp_path: Path) -> RelaySettings:
    return RelaySettings(
        host="127.0.0.1",
        port=0,
        url=system.installation.import_url(),
        directory=tmp_path / "outbox",
        token_file=token_file,
        bytes_max=100_000_000,
        secret=None,
    )


@pytest.fixture
def relay(settings: RelaySettings) -> Relay:
    """Its address; what is named is changed in the settings."""

    @contextlib.asynccontextmanager
    async def relay(**changes: Any) -> AsyncIterator[str]:
        changed = replace(settings, **changes)
        async with running_relay(changed, clock=SystemClock()) as (address, _):
            yield address

    return relay


class RelayProcess:
    """`pushgate relay`, as a person starts it."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._process: Process | None = None
        self.url = ""
        self.port = 0

    async def start(self) -> None:
        """On the same port as before, so that clients find it again."""
        words = {
            "--listen": f"127.0.0.1:{self.port}",
            "--outbox": str(self._settings.directory),
            "--token-file": str(self._settings.token_file),
            "--url": self._settings.url,
        }
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "relay", *itertools.chain(*words.items())),
            stdout=PIPE,
            env={name: text for name, text in os.environ.items() if "PUSHGATE" not in name},
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS_MAX):
            line = (await self._process.stdout.readline()).decode()
        assert line.startswith("ready relay="), line
        self.url = line.split()[1].removeprefix("relay=")
        self.port = int(self.url.rpartition(":")[2])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return await self._process.wait()


@pytest.fixture
async def relay_process(settings: RelaySettings) -> AsyncIterator[RelayProcess]:
    process = RelayProcess(settings)
    await process.start()
    yield process
    await process.stop()
