"""Read what was loaded, to compare it with its source."""

from __future__ import annotations

from collections.abc import Sequence

from cli.database import connection_to
from cli.installation import Installation
from demo.flights import FlightRow

COUNT_FLIGHTS = "SELECT count(*) FROM nyc_flights.flights"
COUNT_REJECTED = "SELECT count(*) FROM nyc_flights._sdc_rejected"
SEQUENCES_OF_PLANES = "SELECT tailnum, _sdc_sequence FROM nyc_flights.planes"
FLIGHT = """
    SELECT * FROM nyc_flights.flights
     WHERE year = $1 AND month = $2 AND day = $3 AND carrier = $4 AND flight = $5
       AND sched_dep_time = $6 AND origin = $7
"""


async def count(installation: Installation, statement: str) -> int:
    async with connection_to(
        installation.destination_url(), "PUSHGATE_DESTINATION_URL"
    ) as connection:
        return int(await connection.fetchval(statement))


async def sequences_of_planes(installation: Installation) -> dict[object, int]:
    async with connection_to(
        installation.destination_url(), "PUSHGATE_DESTINATION_URL"
    ) as connection:
        return {row[0]: row[1] for row in await connection.fetch(SEQUENCES_OF_PLANES)}


async def differing(
    installation: Installation, rows: Sequence[FlightRow], key: Sequence[str]
) -> list[str]:
    """The rows that differ from the source, in a value or its type."""
    wrong = []
    async with connection_to(
        installation.destination_url(), "PUSHGATE_DESTINATION_URL"
    ) as connection:
        for row in rows:
            place = [row[column] for column in key]
            loaded = await connection.fetchrow(FLIGHT, *place)
            if loaded is None:
                wrong.append(f"{place} is missing")
                continue
            # A column that was always null does not exist.
            found = {column: loaded.get(column) for column in row}
            if found != row or [type(v) for v in found.values()] != [type(v) for v in row.values()]:
                wrong.append(f"{place}: {found} instead of {row}")
    return wrong
