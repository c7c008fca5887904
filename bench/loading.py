"""What all measures of the loader need: a journal to fill as ingest does, and waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from bench.measure import Context
from demo.flights import FlightRow
from events.ids import new_batch_id
from events.log import AnyConnection
from services.journal.bodies import compress
from services.runtime.clock import SystemClock
from services.runtime.database import connect

RECORDS_A_REQUEST = 10_000
LOADED_SECONDS_MAX = 1_800.0
POLL_SECONDS = 0.02

Records = Sequence[Mapping[str, Any]]


def loader_environment(context: Context) -> dict[str, str]:
    return {
        "PUSHGATE_DATABASE_URL": context.role_url("pushgate_loader"),
        "PUSHGATE_DESTINATION_URL": context.destination_url,
    }


class Journal:
    """Bodies are written first and listed later, so that only the loading is timed."""

    def __init__(self, connection: AnyConnection, integration_id: int) -> None:
        self._connection = connection
        self._integration_id = integration_id
        # Identifies batches written together; stored as the log size of the receipt, from 1.
        self._lot = 1
        self._written = 0

    async def push(self, table: str, keys: Sequence[str], records: Records, sequence: int) -> None:
        for piece in _pieces(records):
            body = [
                {
                    "client_id": 1,
                    "table_name": table,
                    "sequence": sequence,
                    "action": "upsert",
                    "key_names": keys,
                    "data": record,
                }
                for record in piece
            ]
            await self._write("push", table, orjson.dumps(body), len(piece))

    async def batch(
        self, table: str, keys: Sequence[str], schema: Mapping[str, Any], records: Records
    ) -> None:
        for piece in _pieces(records):
            body = {
                "table_name": table,
                "key_names": keys,
                "schema": schema,
                "messages": [{"action": "upsert", "sequence": 1, "data": r} for r in piece],
            }
            await self._write("batch", table, orjson.dumps(body), len(piece))

    async def _write(self, endpoint: str, table: str, body: bytes, records: int) -> None:
        self._written += 1
        milliseconds = 1_790_000_000_000 + self._integration_id * 10_000_000 + self._written
        received = datetime.fromtimestamp(milliseconds / 1000, UTC)
        batch_id = new_batch_id(milliseconds)
        await self._connection.execute(
            "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
            " records, bytes, body_sha256, received_at, log_size)"
            " VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9)",
            batch_id,
            self._integration_id,
            endpoint,
            [table],
            records,
            len(body),
            hashlib.sha256(body).digest(),
            received,
            self._lot,
        )
        await self._connection.execute(
            "INSERT INTO journal.bodies VALUES ($1, $2, 'application/json', $3)",
            batch_id,
            received,
            compress(body),
        )

    async def load(self, meanwhile: Callable[[], None] = lambda: None) -> float:
        """Seconds from listing what was written, which is durable, to the last one's leaving."""
        clock = SystemClock()
        began = clock.monotonic()
        await self._connection.execute(
            "INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name,"
            " records, bytes, received_at) SELECT batch_id, 0, number, integration_id, tables[1],"
            " records, bytes, received_at FROM journal.receipts"
            " WHERE integration_id = $1 AND log_size = $2",
            self._integration_id,
            self._lot,
        )
        self._lot += 1
        await nothing_waits(self._connection, meanwhile)
        return clock.monotonic() - began


async def nothing_waits(
    connection: AnyConnection, meanwhile: Callable[[], None] = lambda: None
) -> None:
    async with asyncio.timeout(LOADED_SECONDS_MAX):
        while True:
            failed = await connection.fetchval("SELECT min(reason) FROM journal.pending")
            if failed is not None:
                raise RuntimeError(f"a load failed: {failed}")
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM journal.pending)"):
                return
            meanwhile()
            await asyncio.sleep(POLL_SECONDS)


@contextlib.asynccontextmanager
async def journal(context: Context, integration_id: int) -> AsyncIterator[Journal]:
    owner = await connect(context.role_url("pushgate_owner"), application_name="bench")
    try:
        yield Journal(owner, integration_id)
    finally:
        await owner.close()


def in_year(rows: Sequence[FlightRow], year: int) -> list[FlightRow]:
    """Flights with keys of their own."""
    return [{**row, "year": year} for row in rows]


def _pieces(records: Records) -> Iterator[Records]:
    for start in range(0, len(records), RECORDS_A_REQUEST):
        yield records[start : start + RECORDS_A_REQUEST]
