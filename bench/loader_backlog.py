"""A backlog of five million records: memory meanwhile, and more rows for the table it made."""

from __future__ import annotations

import asyncio
from statistics import median

from bench.loading import journal, loader_environment
from bench.measure import ROUNDS, Context, Measure
from bench.system import Served, serving
from cli.demo.flights import FLIGHTS_KEY, Row, archive, flights
from services.runtime.clock import SystemClock

TABLE = "flights"
# Of all flights, each in a year of its own.
COPIES = 15
MEMORY_MEGABYTES_MAX = 300.0
FLAT = 0.9
REACH = 0.5
SAMPLE_SECONDS = 0.5


async def measure(context: Context) -> list[Measure]:
    rows = await asyncio.to_thread(lambda: list(flights(archive())))
    full: list[float] = []
    empty: list[float] = []
    async with serving(context, "services.loader", loader_environment(context)) as loader:
        large = await context.create_integration("Bench backlog")
        async with journal(context, large.integration_id) as filled:
            for copy in range(COPIES):
                await filled.push(TABLE, FLIGHTS_KEY, _in_year(rows, 2013 + copy), 1)
            memory = _Memory(loader)
            backlog_seconds = await filled.load(memory.sample)
            peak = loader.peak_resident_megabytes()
            for number in range(ROUNDS):
                await filled.push(TABLE, FLIGHTS_KEY, _in_year(rows, 3000 + number), 1)
                full.append(await filled.load())
                small = await context.create_integration(f"Bench empty {number}")
                async with journal(context, small.integration_id) as other:
                    await other.push(TABLE, FLIGHTS_KEY, rows, 1)
                    empty.append(await other.load())
    return [
        Measure(
            measure="a backlog of 5 million records",
            value=COPIES * len(rows) / backlog_seconds,
            unit="rows/s",
        ),
        Measure(
            measure="peak resident memory of the loader meanwhile",
            value=peak,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
        memory.flatness(),
        Measure(
            measure="flights into a table of 5 million rows, against an empty one",
            value=len(rows) / median(full),
            unit="rows/s",
            floor=len(rows) / median(empty),
            reach=REACH,
        ),
    ]


def _in_year(rows: list[Row], year: int) -> list[Row]:
    return [{**row, "year": year} for row in rows]


class _Memory:
    def __init__(self, loader: Served) -> None:
        self._loader = loader
        self._clock = SystemClock()
        self._samples: list[float] = []
        self._next = 0.0

    def sample(self) -> None:
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + SAMPLE_SECONDS
            self._samples.append(self._loader.resident_megabytes())

    def flatness(self) -> Measure:
        """Peaks of the first and of the last third of the time: what grows ends up larger."""
        third = len(self._samples) // 3
        return Measure(
            measure="its peak in the first third, against that in the last",
            value=max(self._samples[:third]),
            unit="MB",
            floor=max(self._samples[-third:]),
            reach=FLAT,
        )
