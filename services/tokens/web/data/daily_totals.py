"""What each integration pushed in the last 24 hours: read from the receipts, each of them once.

A page that would add up millions of receipts is slow, so sums by hour are kept here. Hours that are
over don't change; only what came since the last look is read. Nothing is read while nobody looks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from asyncpg import Pool, Record

from events.ids import least_batch_id
from events.sql_files import load_queries
from services.runtime.clock import Clock
from services.runtime.database import AWAY

HOUR = timedelta(hours=1)
HOURS = 24
# A page that finds older sums has them brought up to date.
FRESH_SECONDS = 10.0
# How long pages wait for that, from its beginning on; after it they show what there is.
PATIENCE_SECONDS = 0.03
# A receipt may become visible later than one that is younger: so long nothing counts as settled.
SETTLING = timedelta(seconds=30)


class Pushed(NamedTuple):
    requests: int
    records: int


NOTHING = Pushed(0, 0)

Sums = dict[int, Pushed]


class Figures:
    """One for a process."""

    def __init__(self, pool: Pool[Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._query = load_queries("services.tokens.web")["pushed_between"]
        self._settled: dict[datetime, Sums] = {}
        self._settled_until: datetime | None = None
        self._total: Sums = {}
        self._looked_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self._began = 0.0

    async def of_the_day(self) -> Mapping[int, Pushed] | None:
        """By integration: the hour that is under way and the 23 before it. None: not known yet."""
        now = self._clock.monotonic()
        if self._looked_at is None or now - self._looked_at > FRESH_SECONDS:
            if self._looking is None or self._looking.done():
                self._looking, self._began = asyncio.create_task(self._look()), now
            patience = max(0.0, self._began + PATIENCE_SECONDS - now)
            await asyncio.wait({self._looking}, timeout=patience)
        return None if self._looked_at is None else self._total

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        # A database that is away is told of by everything else on the page.
        with contextlib.suppress(*AWAY):
            now = self._clock.now()
            await self._settle(now)
            assert self._settled_until is not None
            total = await self._pushed(self._settled_until, None)
            for sums in self._settled.values():
                _add(total, sums)
            self._total = total
            self._looked_at = self._clock.monotonic()

    async def _settle(self, now: datetime) -> None:
        first, until = _first_hour(now), now - SETTLING
        self._settled = {hour: sums for hour, sums in self._settled.items() if hour >= first}
        begin = max(self._settled_until or first, first)
        while begin < until:
            hour = _hour_of(begin)
            end = min(hour + HOUR, until)
            _add(self._settled.setdefault(hour, {}), await self._pushed(begin, end))
            self._settled_until = begin = end
        self._settled_until = begin

    async def _pushed(self, since: datetime, until: datetime | None) -> Sums:
        rows = await self._pool.fetch(self._query, _id_at(since), until and _id_at(until))
        return {row["integration_id"]: Pushed(row["requests"], row["records"]) for row in rows}


def _id_at(moment: datetime) -> object:
    return least_batch_id(int(moment.timestamp() * 1000))


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _first_hour(now: datetime) -> datetime:
    return _hour_of(now) - (HOURS - 1) * HOUR


def _add(total: Sums, more: Sums) -> None:
    for integration_id, pushed in more.items():
        so_far = total.get(integration_id, NOTHING)
        total[integration_id] = Pushed(
            so_far.requests + pushed.requests, so_far.records + pushed.records
        )
