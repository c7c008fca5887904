"""Partitions of journal.bodies: made days ahead, dropped when they were kept long enough."""

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
# After a failure. A week of partitions is in stock, and the default partition is behind them.
RETRY_SECONDS = 60.0
# Of one visit. After a longer pause the rest waits for the next one.
DROPPED_MAX = 31


async def make_partitions(pool: Pool[Record], clock: Clock) -> float:
    """Today's and those of the next DAYS_AHEAD days; returns after how many seconds to come back.

    Called before the first push of a program's life: rows in the default partition would keep
    their day's partition from being made.
    """
    query = load_queries("services.journal")["make_partitions"]
    try:
        made = await pool.fetchval(query, clock.now().date(), DAYS_AHEAD + 1)
    except (*AWAY, asyncpg.LockNotAvailableError):
        return RETRY_SECONDS
    Log().info("partitions.made", made=made)
    return DAY_SECONDS


async def drop_old_partitions(pool: Pool[Record], clock: Clock, *, keep_days: int) -> float:
    """Partitions whose last body is older than ``keep_days``; returns when to come back.

    None that holds a batch waiting or set aside, and never the default partition. Each is a
    transaction of its own: its lock holds up pushes.
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
    """``pause_seconds`` is what making them at the start said; old ones are dropped right away."""
    while True:
        drop_again_seconds = await drop_old_partitions(pool, clock, keep_days=keep_bodies_days)
        if await wait_for(ending, min(pause_seconds, drop_again_seconds)):
            return
        pause_seconds = await make_partitions(pool, clock)
