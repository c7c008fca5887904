"""An app that pushes, in the foreground or the background, and waits until it is loaded."""

import asyncio
import contextlib
from asyncio import Task
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from cli.database import system_database
from cli.push.direct import DirectPush, push_directly
from cli.push.report import Report
from cli.push.requests import PushRequest
from cli.temporary_installation import LocalInstallation
from demo.checks import Mismatch, expect
from demo.pushes import RepeatedPushes
from events.sql_files import load_queries
from pushgate_client import FixedToken
from services.runtime.clock import Clock
from services.runtime.config import Secret

CONNECTIONS = 8
PUSHES_PER_STEP = 100
IDLE_SECONDS_MAX = 120.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class DemoToken:
    id: int
    text: Secret


@dataclass(kw_only=True)
class BackgroundPushes:
    """``report`` is complete after the block."""

    rounds: RepeatedPushes
    sending: Task[Report]
    report: Report

    async def wait_for_more(self) -> None:
        """Returns when another ``PUSHES_PER_STEP`` pushes were started."""
        goal = self.rounds.started + PUSHES_PER_STEP
        while self.rounds.started < goal:
            if self.sending.done():
                raise Mismatch(f"the pushes ended: {self.sending.result().problems}")
            await asyncio.sleep(POLL_SECONDS)


class Pusher:
    def __init__(self, system: LocalInstallation, clock: Clock) -> None:
        self._system = system
        self._clock = clock

    async def send(self, token: DemoToken, requests: Iterable[PushRequest]) -> Report:
        push = DirectPush(
            url=self._system.installation.import_url(),
            token=FixedToken(token.text.reveal()),
            connections=CONNECTIONS,
        )
        return await push_directly(push, iter(requests), counts_rest=False)

    @contextlib.asynccontextmanager
    async def push_in_background(
        self, token: DemoToken, rounds: RepeatedPushes
    ) -> AsyncIterator[BackgroundPushes]:
        """Push while the block runs; its end waits for pushes that are under way."""
        rounds.running = True
        sending = asyncio.create_task(self.send(token, rounds))
        background = BackgroundPushes(rounds=rounds, sending=sending, report=Report())
        try:
            yield background
        finally:
            rounds.running = False
            background.report = await sending

    async def until_loaded(self) -> None:
        """Raises Mismatch when a batch failed, or nothing is loaded for ``IDLE_SECONDS_MAX``."""
        last, since = None, self._clock.monotonic()
        async with system_database(self._system.installation) as database:
            while True:
                backlog: Any = await database.fetchrow(load_queries("cli")["backlog"])
                expect("failed batches", backlog["failed"], 0)
                if backlog["pending"] == 0:
                    return
                if backlog["pending"] != last:
                    last, since = backlog["pending"], self._clock.monotonic()
                if self._clock.monotonic() - since > IDLE_SECONDS_MAX:
                    raise Mismatch(f"{last} batches wait, and none is loaded")
                await asyncio.sleep(POLL_SECONDS)
