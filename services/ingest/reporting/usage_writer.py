"""Writes usage statistics to the database every few seconds, and deletes what has expired."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import asyncpg
from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.ingest.reporting.usage_stats import UsageSnapshot, UsageStats
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY
from services.runtime.logs import Log

WRITE_SECONDS = 5.0
DELETE_SECONDS = 3_600.0
# Rows deleted by one statement, so that none takes long.
DELETED_ROWS_MAX = 10_000

_TRANSIENT_ERRORS = (
    *AWAY,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InsufficientResourcesError,
)


class UsageWriter:
    def __init__(
        self, pool: Pool[Record], usage_stats: UsageStats, *, clock: Clock, keep_refusals_days: int
    ) -> None:
        self._pool = pool
        self._usage_stats = usage_stats
        self._clock = clock
        self._keep = timedelta(days=keep_refusals_days)
        self._queries = load_queries("services.ingest")
        self._delete_at = clock.monotonic()

    async def run(self, ending: asyncio.Event) -> None:
        """Until ``ending`` is set, and then once more."""
        while not await wait_for(ending, WRITE_SECONDS):
            await self.write()
            if self._clock.monotonic() >= self._delete_at:
                await self.delete_expired()
        await self.write()

    async def write(self) -> None:
        """Restores what could not be written.

        If the connection breaks under the commit, the refusals of those seconds may be counted
        twice.
        """
        snapshot = self._usage_stats.take()
        if not (snapshot.uses or snapshot.refusals):
            return
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if snapshot.uses:
                    await connection.execute(
                        self._queries["upsert_token_uses"], *_use_columns(snapshot)
                    )
                if snapshot.refusals:
                    await connection.execute(
                        self._queries["upsert_refusals"], *_refusal_columns(snapshot)
                    )
        except _TRANSIENT_ERRORS as error:
            self._usage_stats.restore(snapshot)
            Log().warning("usage_stats.postponed", error=type(error).__name__)

    async def delete_expired(self) -> None:
        """Refusals past their retention, and idempotency keys past their lifetime."""
        now = self._clock.now()
        try:
            await self._delete("delete_old_refusals", now - self._keep)
            await self._delete("delete_expired_idempotency_keys", now)
        except _TRANSIENT_ERRORS as error:
            Log().warning("usage_stats.postponed", error=type(error).__name__)
            return
        self._delete_at = self._clock.monotonic() + DELETE_SECONDS

    async def _delete(self, query: str, before: datetime) -> None:
        deleted = DELETED_ROWS_MAX
        while deleted == DELETED_ROWS_MAX:
            deleted = await self._pool.fetchval(self._queries[query], before, DELETED_ROWS_MAX)


def _use_columns(snapshot: UsageSnapshot) -> tuple[list[object], ...]:
    rows = [
        (token_id, use.integration_id, use.first_at, use.first_peer, use.last_at, use.last_peer)
        for token_id, use in snapshot.uses.items()
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))


def _refusal_columns(snapshot: UsageSnapshot) -> tuple[list[object], ...]:
    rows = [
        (
            key.minute,
            key.reason,
            *key.owner,
            count.first_at,
            count.last_at,
            count.requests,
            count.bytes,
            count.last_peer,
        )
        for key, count in snapshot.refusals.items()
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))
