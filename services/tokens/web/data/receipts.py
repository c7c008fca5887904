"""The latest receipts of an integration, and its accepted and refused requests in 24 hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from asyncpg import Pool, Record

from events.ids import IntegrationId
from events.sql_files import load_queries
from services.tokens.web.data.chart import Chart, last_hours, lay_out_chart

DAY = timedelta(hours=24)
RECEIPTS_SHOWN = 10
REFUSALS_SHOWN = 20
# For each token. With more receipts, the page shows "at least" before the totals.
RECEIPTS_COUNTED_MAX = 20_000
TABLES_SHOWN = 3


class Receipt(NamedTuple):
    number: int
    batch_id: str
    token_id: int
    endpoint: str
    tables: Sequence[str]
    records: int
    received_at: datetime
    peer: str | None
    pending: int
    failed: int
    reason: str | None

    @classmethod
    def from_row(cls, row: Record) -> Self:
        return cls(*row)._replace(batch_id=str(row["batch_id"]))

    @property
    def state(self) -> str:
        if self.failed:
            return "failed"
        return "pending" if self.pending else "loaded"

    @property
    def tables_text(self) -> str:
        shown = ", ".join(self.tables[:TABLES_SHOWN])
        more = len(self.tables) - TABLES_SHOWN
        return f"{shown} and {more} more" if more > 0 else shown


class RefusedRequests(NamedTuple):
    reason: str
    token_id: int | None
    requests: int
    last_at: datetime
    last_peer: str | None


class DaySummary(NamedTuple):
    """``truncated``: there were more receipts than were counted."""

    receipts: list[Receipt]
    refusals: list[RefusedRequests]
    chart: Chart
    requests: int
    records: int
    refused: int
    truncated: bool


async def last_24_hours(
    pool: Pool[Record], integration_id: IntegrationId, now: datetime
) -> DaySummary:
    queries = load_queries("services.tokens.web")
    since = now - DAY
    async with pool.acquire() as connection:
        receipts = await connection.fetch(queries["last_receipts"], integration_id, RECEIPTS_SHOWN)
        accepted = await connection.fetch(
            queries["accepted_by_hour"], integration_id, since, RECEIPTS_COUNTED_MAX
        )
        refused = await connection.fetch(queries["refused_by_hour"], integration_id, since)
        reasons = await connection.fetch(
            queries["refusals_by_reason"], integration_id, since, REFUSALS_SHOWN
        )
    hours = last_hours(
        now,
        {row["hour"]: row["requests"] for row in accepted},
        {row["hour"]: row["requests"] for row in refused},
    )
    requests = sum(row["requests"] for row in accepted)
    return DaySummary(
        receipts=[Receipt.from_row(row) for row in receipts],
        refusals=[RefusedRequests(*row) for row in reasons],
        chart=lay_out_chart(hours),
        requests=requests,
        records=sum(row["records"] for row in accepted),
        refused=sum(row["requests"] for row in refused),
        truncated=requests >= RECEIPTS_COUNTED_MAX,
    )
