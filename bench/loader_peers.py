"""Flights by other loaders for PostgreSQL and by ours: the same rows, into a new table each time.

Each peer runs as its documentation says, with COPY where it has that; what it needs to start is in
its time, as it is in every run of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench.loading import journal, loader_environment
from bench.measure import ROUNDS, Context, Measure
from bench.peers.environments import HERE, environment
from bench.system import serving
from demo.flights import FLIGHTS_KEY, FlightRow, fetch_archive, flights
from services.runtime.clock import SystemClock
from services.runtime.database import connect

# The slowest peer takes a quarter of a minute for so many.
RECORDS = 100_000
TABLE = "flights"
DATABASE = "peers"
REACH = 5.0
SINGER = ("pipelinewise", "meltanolabs")


def singer_schema(rows: Sequence[FlightRow]) -> dict[str, Any]:
    """As a tap would give it."""
    names = {int: "integer", float: "number", str: "string"}
    found: dict[str, Any] = {}
    for column in rows[0]:
        types = {type(row[column]) for row in rows} - {type(None)}
        found[column] = {"type": ["null", *(names[each] for each in types)]}
    found["time_hour"]["format"] = "date-time"
    return {"type": "object", "properties": found}


async def measure(context: Context) -> list[Measure]:
    programs = {peer: await asyncio.to_thread(environment, peer) for peer in (*SINGER, "dlt")}
    rows = await asyncio.to_thread(lambda: list(islice(flights(fetch_archive()), RECORDS)))
    schema = singer_schema(rows)
    peers = _Peers(context, programs)
    await peers.prepare(rows, schema)
    seconds: dict[str, list[float]] = {name: [] for name in (*programs, "ours")}
    async with serving(context, "services.loader", loader_environment(context)):
        for number in range(ROUNDS):
            for peer in programs:
                seconds[peer].append(await peers.run(peer, f"{peer}_{number}"))
            created = await context.create_integration(f"Bench peers {number}")
            async with journal(context, created.integration_id) as filled:
                await filled.batch(TABLE, FLIGHTS_KEY, schema, rows)
                seconds["ours"].append(await filled.load())
    rates = {name: len(rows) / median(found) for name, found in seconds.items()}
    return [
        Measure(
            measure="flights, against the faster of two Singer targets",
            value=rates["ours"],
            unit="rows/s",
            floor=max(rates[peer] for peer in SINGER),
            reach=REACH,
        ),
        *(Measure(measure=f"the same by {p}", value=rates[p], unit="rows/s") for p in programs),
    ]


class _Peers:
    def __init__(self, context: Context, programs: dict[str, Path]) -> None:
        self._programs = programs
        self._url = context.cluster.url(DATABASE)
        self._admin_url = context.cluster.url("postgres")
        self._directory = context.directory
        self._lines = context.directory / "lines.singer"
        self._records = context.directory / "records.jsonl"

    async def prepare(self, rows: Sequence[FlightRow], schema: dict[str, Any]) -> None:
        admin = await connect(self._admin_url, application_name="bench")
        await admin.execute(f"CREATE DATABASE {DATABASE}")
        await admin.close()
        await asyncio.to_thread(self._write, rows, schema)

    def _write(self, rows: Sequence[FlightRow], schema: dict[str, Any]) -> None:
        head = {"type": "SCHEMA", "stream": TABLE, "schema": schema, "key_properties": FLIGHTS_KEY}
        with self._lines.open("wb") as singer, self._records.open("wb") as plain:
            singer.write(orjson.dumps(head) + b"\n")
            for row in rows:
                record = {"type": "RECORD", "stream": TABLE, "record": row}
                singer.write(orjson.dumps(record) + b"\n")
                plain.write(orjson.dumps(row) + b"\n")

    async def run(self, peer: str, schema: str) -> float:
        """Seconds from the start of the program to its end; all rows are there then."""
        clock = SystemClock()
        began = clock.monotonic()
        await (self._dlt if peer == "dlt" else self._singer)(peer, schema)
        seconds = clock.monotonic() - began
        connection = await connect(self._url, application_name="bench")
        counting = f"SELECT count(*) FROM {schema}.{TABLE}"  # noqa: S608 - both are ours
        found = await connection.fetchval(counting)
        await connection.close()
        if found != RECORDS:
            raise RuntimeError(f"{peer} made {found} rows of {RECORDS} records")
        return seconds

    async def _singer(self, peer: str, schema: str) -> None:
        parts = urlsplit(self._url)
        config = {
            "host": parts.hostname,
            "port": parts.port,
            "user": parts.username,
            "password": parts.password,
            "default_target_schema": schema,
            # One has the first word for it, the other the second.
            "dbname": DATABASE,
            "database": DATABASE,
            "batch_size_rows": RECORDS,
            "use_copy": True,
        }
        file = self._directory / f"{schema}.json"
        file.write_bytes(orjson.dumps(config))
        with self._lines.open("rb") as lines:
            await self._program(peer, "target-postgres", "--config", str(file), stdin=lines)

    async def _dlt(self, peer: str, schema: str) -> None:
        script = str(HERE / "dlt_records.py")
        await self._program(peer, "python", script, str(self._records), schema, *FLIGHTS_KEY)

    async def _program(self, peer: str, *command: str, stdin: Any = None) -> None:
        log = self._directory / f"{peer}.log"
        with log.open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                str(self._programs[peer] / command[0]),
                *command[1:],
                stdin=stdin,
                stdout=said,
                stderr=said,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self._directory),
                    "DESTINATION__POSTGRES__CREDENTIALS": self._url,
                    "RUNTIME__DLTHUB_TELEMETRY": "false",
                },
            )
        if await process.wait() != 0:
            raise RuntimeError(f"{peer} failed: {log.read_text(errors='replace')[-2000:]}")
