"""Daily partitions of journal.bodies: created ahead of time, dropped after their retention."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY
from services.runtime.logs import Log

DAYS_AHEAD = 7
DAY_SECONDS = 86_400.0
# After a failure. Partitions for a week exist already, and the default partition takes the rest.
RETRY_SECONDS = 60.0
# Dropped in one run. After a long downtime the rest waits for the next run.
DROPPED_MAX = 31


async def make_partitions(pool: Pool[Record], clock: Clock) -> float:
    """Creates today's partition and the next DAYS_AHEAD; returns the seconds until the next run.

    Must be called before the first push of a program: a row in the default partition prevents the
    partition of its day from being created.
    """
    query = load_queries("services.journal")["make_partitions"]
    try:
        made = await pool.fetchval(query, clock.now().date(), DAYS_AHEAD + 1)
    except (*AWAY, asyncpg.LockNotAvailableError):
        return RETRY_SECONDS
    Log().info("partitions.created", made=made)
    return DAY_SECONDS


async def drop_old_partitions(pool: Pool[Record], clock: Clock, *, keep_days: int) -> float:
    """Drops partitions older than ``keep_days``; returns the seconds until the next run.

    Skips partitions with a body of a waiting or failed batch, and the default partition. Each drop
    is a transaction of its own, because its lock delays pushes.
    """
    query = load_queries("services.journal")["drop_partition"]
    before = clock.now().date() - timedelta(days=keep_days)
    for _ in range(DROPPED_MAX):
        try:
            day = await pool.fetchval(query, before)
        except (*AWAY, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            return RETRY_SECONDS
        if day is None:
            return DAY_SECONDS
        Log().info("partition.dropped", day=day.isoformat())
    return RETRY_SECONDS


async def maintain_partitions(
    pool: Pool[Record],
    clock: Clock,
    ending: asyncio.Event,
    *,
    pause_seconds: float,
    keep_bodies_days: int,
) -> None:
    """Until ``ending`` is set. ``pause_seconds`` is what ``make_partitions`` returned."""
    while True:
        drop_again_seconds = await drop_old_partitions(pool, clock, keep_days=keep_bodies_days)
        if await wait_for(ending, min(pause_seconds, drop_again_seconds)):
            return
        pause_seconds = await make_partitions(pool, clock)
