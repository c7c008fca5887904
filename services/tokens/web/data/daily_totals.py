"""How much each integration pushed in the last 24 hours, summed from receipts and cached.

Summing millions of receipts for each page would be slow. Sums of past hours never change and are
kept in memory; a refresh reads only the receipts that were not summed yet. Without page views,
nothing is read.
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
# Totals older than this are refreshed by the next page view.
FRESH_SECONDS = 10.0
# How long a page waits for a refresh, measured from its start; then it shows the previous totals.
PAGE_WAIT_SECONDS_MAX = 0.03
# A receipt may be committed after one with a larger batch id, but not by more than this.
SETTLING_TIME = timedelta(seconds=30)


class PushTotals(NamedTuple):
    requests: int
    records: int


NO_PUSHES = PushTotals(0, 0)

TotalsByIntegration = dict[int, PushTotals]


class DailyTotals:
    """One for each process."""

    def __init__(self, pool: Pool[Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._query = load_queries("services.tokens.web")["push_totals_between"]
        self._settled: dict[datetime, TotalsByIntegration] = {}
        self._settled_until: datetime | None = None
        self._total: TotalsByIntegration = {}
        self._refreshed_at: float | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._refresh_began = 0.0

    async def last_24_hours(self) -> Mapping[int, PushTotals] | None:
        """Totals by integration for the current hour and the 23 before; None: not computed yet."""
        now = self._clock.monotonic()
        if self._refreshed_at is None or now - self._refreshed_at > FRESH_SECONDS:
            if self._refreshing is None or self._refreshing.done():
                self._refreshing, self._refresh_began = asyncio.create_task(self._refresh()), now
            remaining = max(0.0, self._refresh_began + PAGE_WAIT_SECONDS_MAX - now)
            await asyncio.wait({self._refreshing}, timeout=remaining)
        return None if self._refreshed_at is None else self._total

    async def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _refresh(self) -> None:
        # If the database is unavailable, the page's other queries report it.
        with contextlib.suppress(*AWAY):
            now = self._clock.now()
            await self._add_settled_hours(now)
            assert self._settled_until is not None
            total = await self._push_totals(self._settled_until, None)
            for hour in self._settled.values():
                _add(total, hour)
            self._total = total
            self._refreshed_at = self._clock.monotonic()

    async def _add_settled_hours(self, now: datetime) -> None:
        first, until = _first_hour(now), now - SETTLING_TIME
        self._settled = {hour: totals for hour, totals in self._settled.items() if hour >= first}
        begin = max(self._settled_until or first, first)
        while begin < until:
            hour = _hour_of(begin)
            end = min(hour + HOUR, until)
            _add(self._settled.setdefault(hour, {}), await self._push_totals(begin, end))
            self._settled_until = begin = end
        self._settled_until = begin

    async def _push_totals(self, since: datetime, until: datetime | None) -> TotalsByIntegration:
        rows = await self._pool.fetch(self._query, _id_at(since), until and _id_at(until))
        return {row["integration_id"]: PushTotals(row["requests"], row["records"]) for row in rows}


def _id_at(moment: datetime) -> object:
    return least_batch_id(int(moment.timestamp() * 1000))


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _first_hour(now: datetime) -> datetime:
    return _hour_of(now) - (HOURS - 1) * HOUR


def _add(total: TotalsByIntegration, more: TotalsByIntegration) -> None:
    for integration_id, pushed in more.items():
        so_far = total.get(integration_id, NO_PUSHES)
        total[integration_id] = PushTotals(
            so_far.requests + pushed.requests, so_far.records + pushed.records
        )
