"""Old rows of loader.loads go; the sums in loader.tables stay."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY
from services.runtime.logs import Log

# A year and a month, so that a yearly audit still sees which loads rejected records.
LOADS_KEPT_DAYS = 400
LOADS_AT_ONCE = 10_000
DAY_SECONDS = 86_400.0
# While there is more to forget, and after the journal was away.
SOON_SECONDS = 10.0


async def forget_old_loads(journal: Pool[Record], clock: Clock) -> float:
    """The oldest of them, LOADS_AT_ONCE at most; returns after how many seconds to come back."""
    query = load_queries("services.loader")["forget_old_loads"]
    before = clock.now() - timedelta(days=LOADS_KEPT_DAYS)
    try:
        forgotten = await journal.fetchval(query, before, LOADS_AT_ONCE)
    except AWAY:
        return SOON_SECONDS
    if forgotten:
        Log().info("loads.forgotten", loads=forgotten)
    return SOON_SECONDS if forgotten == LOADS_AT_ONCE else DAY_SECONDS


async def keep_forgetting(journal: Pool[Record], clock: Clock, ending: asyncio.Event) -> None:
    while not await wait_for(ending, await forget_old_loads(journal, clock)):
        pass
