"""What an integration received and refused lately, as its summary tells it."""

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
# Of each token: beyond it the day's figures say "at least".
RECEIPTS_COUNTED_MAX = 20_000
TABLES_NAMED = 3


class Receipt(NamedTuple):
    number: int
    batch_id: str
    token_id: int
    endpoint: str
    tables: Sequence[str]
    records: int
    received_at: datetime
    peer: str | None
    waiting: int
    failed: int
    reason: str | None

    @classmethod
    def from_row(cls, row: Record) -> Self:
        return cls(*row)._replace(batch_id=str(row["batch_id"]))

    @property
    def state(self) -> str:
        if self.failed:
            return "set aside"
        return "waiting" if self.waiting else "loaded"

    @property
    def tables_text(self) -> str:
        named = ", ".join(self.tables[:TABLES_NAMED])
        more = len(self.tables) - TABLES_NAMED
        return f"{named} and {more} more" if more > 0 else named


class RefusalCount(NamedTuple):
    reason: str
    token_id: int | None
    requests: int
    last_at: datetime
    last_peer: str | None


class DaySummary(NamedTuple):
    """The last 24 hours and the last receipts. ``cut``: there were more than were counted."""

    receipts: list[Receipt]
    refusals: list[RefusalCount]
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
        refusals=[RefusalCount(*row) for row in reasons],
        chart=lay_out_chart(hours),
        requests=requests,
        records=sum(row["records"] for row in accepted),
        refused=sum(row["requests"] for row in refused),
        truncated=requests >= RECEIPTS_COUNTED_MAX,
    )
