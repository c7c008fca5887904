"""Writes what was counted of pushes, in groups and off their way; forgets what is old."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import asyncpg
from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.ingest.reporting.usage_stats import Counted, Counts
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY
from services.runtime.logs import Log

WRITE_SECONDS = 5.0
FORGET_SECONDS = 3_600.0
# Rows deleted by one statement, so that none takes long.
FORGOTTEN_AT_ONCE = 10_000

_PASSING = (
    *AWAY,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InsufficientResourcesError,
)


class Bookkeeping:
    def __init__(
        self, pool: Pool[Record], counts: Counts, *, clock: Clock, keep_refusals_days: int
    ) -> None:
        self._pool = pool
        self._counts = counts
        self._clock = clock
        self._keep = timedelta(days=keep_refusals_days)
        self._queries = load_queries("services.ingest")
        self._forget_at = clock.monotonic()

    async def run(self, ending: asyncio.Event) -> None:
        """Until told to end, and then once more."""
        while not await wait_for(ending, WRITE_SECONDS):
            await self.write()
            if self._clock.monotonic() >= self._forget_at:
                await self.forget()
        await self.write()

    async def write(self) -> None:
        """Puts back what the database did not take.

        A connection that breaks under the commit leaves open whether it did: then the refusals of
        those seconds may be counted twice.
        """
        counted = self._counts.take()
        if not (counted.uses or counted.refusals):
            return
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if counted.uses:
                    await connection.execute(self._queries["note_uses"], *_use_columns(counted))
                if counted.refusals:
                    await connection.execute(
                        self._queries["note_refusals"], *_refusal_columns(counted)
                    )
        except _PASSING as error:
            self._counts.put_back(counted)
            Log().warning("counts.postponed", error=type(error).__name__)

    async def forget(self) -> None:
        now = self._clock.now()
        try:
            await self._forget("forget_refusals", now - self._keep)
            await self._forget("forget_repeats", now)
        except _PASSING as error:
            Log().warning("counts.postponed", error=type(error).__name__)
            return
        self._forget_at = self._clock.monotonic() + FORGET_SECONDS

    async def _forget(self, query: str, before: datetime) -> None:
        forgotten = FORGOTTEN_AT_ONCE
        while forgotten == FORGOTTEN_AT_ONCE:
            forgotten = await self._pool.fetchval(self._queries[query], before, FORGOTTEN_AT_ONCE)


def _use_columns(counted: Counted) -> tuple[list[object], ...]:
    rows = [
        (token_id, use.integration_id, use.first_at, use.first_peer, use.last_at, use.last_peer)
        for token_id, use in counted.uses.items()
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))


def _refusal_columns(counted: Counted) -> tuple[list[object], ...]:
    rows = [
        (
            kind.minute,
            kind.reason,
            *kind.whose,
            refused.first_at,
            refused.last_at,
            refused.requests,
            refused.bytes,
            refused.last_peer,
        )
        for kind, refused in counted.refusals.items()
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))
