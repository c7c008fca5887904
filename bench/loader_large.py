"""Rows for a table that already has five million, against rows for an empty one."""

from __future__ import annotations

import asyncio
from statistics import median

from bench.loading import in_year, journal, loader_environment
from bench.measure import ROUNDS, Context, Measure
from bench.system import serving
from demo.flights import FLIGHTS_KEY, fetch_archive, flights
from services.loader.schema.identifiers import quote_qualified
from services.runtime.database import connect

TABLE = "flights"
# The rows that are there: all flights of 2013, and the same in so many other years.
MORE_YEARS = 14
# Of each load that is timed.
RECORDS = 100_000
REACH = 0.5


async def measure(context: Context) -> list[Measure]:
    rows = await asyncio.to_thread(lambda: list(flights(fetch_archive())))
    full: list[float] = []
    empty: list[float] = []
    async with serving(context, "services.loader", loader_environment(context)):
        large = await context.create_integration("Bench large")
        async with journal(context, large.integration_id) as filled:
            await filled.push(TABLE, FLIGHTS_KEY, rows, 1)
            await filled.load()
            await _multiply(context, large.schema_name, len(rows))
            for number in range(ROUNDS):
                await filled.push(TABLE, FLIGHTS_KEY, in_year(rows[:RECORDS], 3000 + number), 1)
                full.append(await filled.load())
                small = await context.create_integration(f"Bench empty {number}")
                async with journal(context, small.integration_id) as other:
                    await other.push(TABLE, FLIGHTS_KEY, rows[:RECORDS], 1)
                    empty.append(await other.load())
    return [
        Measure(
            measure="flights into a table of 5 million rows, against an empty one",
            value=RECORDS / median(full),
            unit="rows/s",
            floor=RECORDS / median(empty),
            reach=REACH,
        ),
    ]


async def _multiply(context: Context, schema: str, rows: int) -> None:
    """The loader made the table; the destination copies its rows, which is faster than loading."""
    table = quote_qualified(schema, TABLE)
    connection = await connect(
        context.destination_url, application_name="bench", command_seconds_max=600.0
    )
    try:
        columns: list[str] = [
            row[0]
            for row in await connection.fetch(
                "SELECT quote_ident(attname) FROM pg_attribute"
                " WHERE attrelid = to_regclass($1) AND attnum > 0",
                table,
            )
        ]
        chosen = ", ".join("year + more" if column == "year" else column for column in columns)
        await connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - quoted
            f" SELECT {chosen} FROM {table}, generate_series(1, {MORE_YEARS}) AS more"
        )
        await connection.execute(f"VACUUM ANALYZE {table}")
        found = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - quoted
    finally:
        await connection.close()
    if found != (MORE_YEARS + 1) * rows:
        raise RuntimeError(f"the table has {found} rows")
