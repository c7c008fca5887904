"""An app that pushes: at once, or beside something else, and then waits for its rows."""

import asyncio
import contextlib
from asyncio import Task
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cli.database import system_database
from cli.push.direct import DirectPush, send_all
from cli.push.json_input import InvalidInput
from cli.push.report import Report
from cli.push.requests import PushRequest
from demo.checks import Mismatch, expect
from demo.pushes import Rounds
from demo.system import System
from events.sql_files import load_queries
from pushgate_client import FixedToken
from services.runtime.clock import Clock
from services.runtime.config import Secret

CONNECTIONS = 8
PUSHES_BESIDE = 100
IDLE_SECONDS_MAX = 120.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Token:
    id: int
    text: Secret


@dataclass(kw_only=True)
class Beside:
    """``report`` tells everything once the block is left."""

    rounds: Rounds
    sending: Task[Report]
    report: Report

    async def more(self) -> None:
        """Returns when another ``PUSHES_BESIDE`` pushes were begun."""
        goal = self.rounds.begun + PUSHES_BESIDE
        while self.rounds.begun < goal:
            if self.sending.done():
                raise Mismatch(f"the pushes came to an end: {self.sending.result().problems}")
            await asyncio.sleep(POLL_SECONDS)


class Pusher:
    def __init__(self, system: System, clock: Clock) -> None:
        self._system = system
        self._clock = clock

    async def send(self, token: Token, requests: Iterable[PushRequest]) -> Report:
        gate = DirectPush(
            url=self._system.target.import_url(),
            token=FixedToken(token.text.reveal()),
            connections=CONNECTIONS,
        )
        items: Iterator[PushRequest | InvalidInput] = iter(requests)
        return await send_all(gate, items, counts_rest=False)

    @contextlib.asynccontextmanager
    async def pushing(self, token: Token, rounds: Rounds) -> AsyncIterator[Beside]:
        """Pushes go on while the block runs; what is under way at its end is waited for."""
        rounds.go_on = True
        sending = asyncio.create_task(self.send(token, rounds))
        beside = Beside(rounds=rounds, sending=sending, report=Report())
        try:
            yield beside
        finally:
            rounds.go_on = False
            beside.report = await sending

    async def until_loaded(self) -> None:
        """Raises Mismatch when a batch failed, or nothing moves for ``IDLE_SECONDS_MAX``."""
        last, since = None, self._clock.monotonic()
        async with system_database(self._system.target) as database:
            while True:
                backlog: Any = await database.fetchrow(load_queries("cli")["backlog"])
                expect("failed batches", backlog["failed"], 0)
                if backlog["pending"] == 0:
                    return
                if backlog["pending"] != last:
                    last, since = backlog["pending"], self._clock.monotonic()
                if self._clock.monotonic() - since > IDLE_SECONDS_MAX:
                    raise Mismatch(f"{last} batches wait, and nothing moves")
                await asyncio.sleep(POLL_SECONDS)
