"""The loader: real flights into a new table and again as updates, against a bare script."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import orjson

from bench.measure import ROUNDS, Context, Measure
from bench.system import serving
from cli.demo.flights import FLIGHTS_KEY, Row, archive, flights
from events.ids import new_batch_id
from events.log import AnyConnection
from services.ingest.journal.bodies import deflate
from services.runtime.clock import SystemClock
from services.runtime.database import connect

RECORDS_A_PUSH = 10_000
ROWS_A_LOAD = 50_000
TABLE = "flights"
MEMORY_MEGABYTES_MAX = 300.0
LOADED_SECONDS_MAX = 300.0
# The loading issue sets it.
REACH = 0.5

_TEXTS = {"carrier", "tailnum", "origin", "dest", "time_hour"}
_STAMPS = {
    "_sdc_batched_at": "timestamptz",
    "_sdc_received_at": "timestamptz",
    "_sdc_sequence": "bigint",
    "_sdc_table_version": "bigint",
}

Seconds = list[float]


async def measure(context: Context) -> list[Measure]:
    rows = await asyncio.to_thread(lambda: list(flights(archive())))
    environment = {
        "PUSHGATE_DATABASE_URL": context.role_url("pushgate_loader"),
        "PUSHGATE_DESTINATION_URL": context.destination_url,
    }
    floors: tuple[Seconds, Seconds] = ([], [])
    ours: tuple[Seconds, Seconds] = ([], [])
    async with serving(context, "services.loader", environment) as loader:
        for number in range(ROUNDS):
            created = await context.create_integration(f"Bench loader {number}")
            for sequence, (floor, our) in enumerate(zip(floors, ours, strict=True), start=1):
                floor.append(await _bare_script(context, rows, sequence, number))
                our.append(await _loaded(context, rows, sequence, created.integration_id))
        memory = loader.peak_resident_megabytes()
    return [
        _rate("flights into a new table", rows, ours[0], floors[0]),
        _rate("the same, every row an update", rows, ours[1], floors[1]),
        Measure(
            measure="resident memory of the loader meanwhile",
            value=memory,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
    ]


def _rate(name: str, rows: Sequence[Row], ours: Seconds, floor: Seconds) -> Measure:
    return Measure(
        measure=name,
        value=len(rows) / median(ours),
        unit="rows/s",
        floor=len(rows) / median(floor),
        reach=REACH,
    )


# --- ours ---


async def _loaded(
    context: Context, rows: Sequence[Row], sequence: int, integration_id: int
) -> float:
    """Seconds from listing the batches, which are durable, to the last one's leaving the list."""
    clock = SystemClock()
    owner = await connect(context.role_url("pushgate_owner"), application_name="bench")
    try:
        await _write(owner, rows, sequence, integration_id)
        began = clock.monotonic()
        await owner.execute(
            "INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name,"
            " records, bytes, received_at) SELECT batch_id, 0, number, integration_id, tables[1],"
            " records, bytes, received_at FROM journal.receipts"
            " WHERE integration_id = $1 AND log_size = $2",
            integration_id,
            sequence,
        )
        async with asyncio.timeout(LOADED_SECONDS_MAX):
            waiting = "SELECT EXISTS (SELECT FROM journal.pending)"
            while await owner.fetchval(waiting):  # noqa: ASYNC110 - another process loads
                await asyncio.sleep(0.02)
        return clock.monotonic() - began
    finally:
        await owner.close()


async def _write(
    connection: AnyConnection, rows: Sequence[Row], sequence: int, integration_id: int
) -> None:
    """Receipts and bodies, as ingest writes them; ``log_size`` tells the rounds apart."""
    received = datetime.fromtimestamp(1_790_000_000 + integration_id * 1000 + sequence, UTC)
    for start in range(0, len(rows), RECORDS_A_PUSH):
        records = rows[start : start + RECORDS_A_PUSH]
        body = orjson.dumps([_message(row, sequence) for row in records])
        batch_id = new_batch_id(int(received.timestamp() * 1000) + start)
        await connection.execute(
            "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
            " records, bytes, body_sha256, received_at, log_size)"
            " VALUES ($1, $2, 1, 'push', $3, $4, $5, $6, $7, $8)",
            batch_id,
            integration_id,
            [TABLE],
            len(records),
            len(body),
            hashlib.sha256(body).digest(),
            received,
            sequence,
        )
        await connection.execute(
            "INSERT INTO journal.bodies VALUES ($1, $2, 'application/json', $3)",
            batch_id,
            received,
            deflate(body),
        )


def _message(row: Row, sequence: int) -> dict[str, Any]:
    return {
        "client_id": 1,
        "table_name": TABLE,
        "sequence": sequence,
        "action": "upsert",
        "key_names": FLIGHTS_KEY,
        "data": row,
    }


# --- the floor ---


async def _bare_script(context: Context, rows: Sequence[Row], sequence: int, number: int) -> float:
    """Seconds for the same rows, parsed already, by COPY and a guarded INSERT a load."""
    clock = SystemClock()
    schema = f"bench_floor_{number}"
    columns = [*rows[0], *_STAMPS]
    types = {c: _STAMPS.get(c) or ("text" if c in _TEXTS else "bigint") for c in columns}
    definitions = ", ".join(f"{column} {types[column]}" for column in sorted(columns))
    connection = await connect(context.destination_url, application_name="bench floor")
    try:
        if sequence == 1:
            key = ", ".join(sorted(FLIGHTS_KEY))
            await connection.execute(f"CREATE SCHEMA {schema}")
            await connection.execute(
                f"CREATE TABLE {schema}.flights ({definitions}, PRIMARY KEY ({key}))"
            )
        now = clock.now()
        began = clock.monotonic()
        for start in range(0, len(rows), ROWS_A_LOAD):
            records = [
                (*row.values(), now, now, sequence, 0) for row in rows[start : start + ROWS_A_LOAD]
            ]
            async with connection.transaction():
                await connection.execute(f"CREATE TEMP TABLE staged ({definitions}) ON COMMIT DROP")
                await connection.copy_records_to_table("staged", records=records, columns=columns)
                await connection.execute(_guarded_insert(schema, columns))
        return clock.monotonic() - began
    finally:
        await connection.close()


def _guarded_insert(schema: str, columns: Sequence[str]) -> str:
    listed = ", ".join(columns)
    assigned = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in FLIGHTS_KEY)
    return (
        f"INSERT INTO {schema}.flights AS t ({listed}) SELECT {listed} FROM staged"  # noqa: S608 - ours
        f" ON CONFLICT ({', '.join(sorted(FLIGHTS_KEY))}) DO UPDATE SET {assigned}"
        " WHERE t._sdc_sequence < excluded._sdc_sequence"
    )
