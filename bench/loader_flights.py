"""The loader: real flights into a new table and again as updates, against a bare script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import median

from bench.loading import journal, loader_environment
from bench.measure import ROUNDS, Context, Measure
from bench.system import serving
from demo.flights import FLIGHTS_KEY, FlightRow, fetch_archive, flights
from services.runtime.clock import SystemClock
from services.runtime.database import connect

ROWS_A_LOAD = 50_000
TABLE = "flights"
MEMORY_MEGABYTES_MAX = 300.0
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
    rows = await asyncio.to_thread(lambda: list(flights(fetch_archive())))
    floors: tuple[Seconds, Seconds] = ([], [])
    ours: tuple[Seconds, Seconds] = ([], [])
    async with serving(context, "services.loader", loader_environment(context)) as loader:
        for number in range(ROUNDS):
            created = await context.create_integration(f"Bench loader {number}")
            async with journal(context, created.integration_id) as filled:
                for sequence, (floor, our) in enumerate(zip(floors, ours, strict=True), start=1):
                    floor.append(await _bare_script(context, rows, sequence, number))
                    await filled.push(TABLE, FLIGHTS_KEY, rows, sequence)
                    our.append(await filled.load())
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


def _rate(name: str, rows: Sequence[FlightRow], ours: Seconds, floor: Seconds) -> Measure:
    return Measure(
        measure=name,
        value=len(rows) / median(ours),
        unit="rows/s",
        floor=len(rows) / median(floor),
        reach=REACH,
    )


# --- the floor ---


async def _bare_script(
    context: Context, rows: Sequence[FlightRow], sequence: int, number: int
) -> float:
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
