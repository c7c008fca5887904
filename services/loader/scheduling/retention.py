"""Deletes the rows of loader.loads after their retention; the sums in loader.tables stay."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY
from services.runtime.logs import Log

# A year and a month, so that a yearly audit still sees which loads rejected records.
LOAD_RETENTION_DAYS = 400
# The limit of one transaction.
DELETED_LOADS_MAX = 10_000
DAY_SECONDS = 86_400.0
# If there is more to delete, or the journal could not be reached.
SOON_SECONDS = 10.0


async def delete_expired_loads(database: Pool[Record], clock: Clock) -> float:
    """Deletes at most DELETED_LOADS_MAX; returns the seconds to wait before the next run."""
    query = load_queries("services.loader")["delete_expired_loads"]
    before = clock.now() - timedelta(days=LOAD_RETENTION_DAYS)
    try:
        deleted = await database.fetchval(query, before, DELETED_LOADS_MAX)
    except AWAY:
        return SOON_SECONDS
    if deleted:
        Log().info("load_counts.deleted", loads=deleted)
    return SOON_SECONDS if deleted == DELETED_LOADS_MAX else DAY_SECONDS


async def run_retention(database: Pool[Record], clock: Clock, ending: asyncio.Event) -> None:
    while not await wait_for(ending, await delete_expired_loads(database, clock)):
        pass
