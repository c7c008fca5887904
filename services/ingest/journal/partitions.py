"""Partitions of journal.bodies, made days ahead so that none is ever missing at midnight."""

from __future__ import annotations

import asyncio

import asyncpg
from asyncpg import Pool, Record

from events.queries import load_queries
from services.runtime.clock import Clock
from services.runtime.database import AWAY
from services.runtime.lifecycle import wait_for
from services.runtime.logs import Log

DAYS_AHEAD = 7
DAY_SECONDS = 86_400.0
# After a failure. A week of partitions is in stock, and the default partition is behind them.
RETRY_SECONDS = 60.0


async def make_partitions(pool: Pool[Record], clock: Clock) -> float:
    """Today's and those of the next DAYS_AHEAD days; returns after how many seconds to come back.

    Called before the first push of a program's life: rows in the default partition would keep
    their day's partition from being made.
    """
    query = load_queries("services.ingest")["make_partitions"]
    try:
        made = await pool.fetchval(query, clock.now().date(), DAYS_AHEAD + 1)
    except (*AWAY, asyncpg.LockNotAvailableError):
        return RETRY_SECONDS
    Log().info("partitions.made", made=made)
    return DAY_SECONDS


async def keep_partitions(
    pool: Pool[Record], clock: Clock, ending: asyncio.Event, *, pause_seconds: float
) -> None:
    while not await wait_for(ending, pause_seconds):
        pause_seconds = await make_partitions(pool, clock)
