"""A backlog of five million records: how fast it is loaded, and memory meanwhile."""

from __future__ import annotations

import asyncio

from bench.loading import in_year, journal, loader_environment
from bench.measure import Context, Measure
from bench.system import Served, serving
from demo.flights import FLIGHTS_KEY, fetch_archive, flights
from services.runtime.clock import SystemClock

TABLE = "flights"
# Of all flights, each in a year of its own.
COPIES = 15
MEMORY_MEGABYTES_MAX = 300.0
FLAT = 0.9
SAMPLE_SECONDS = 0.5


async def measure(context: Context) -> list[Measure]:
    rows = await asyncio.to_thread(lambda: list(flights(fetch_archive())))
    async with serving(context, "services.loader", loader_environment(context)) as loader:
        created = await context.create_integration("Bench backlog")
        async with journal(context, created.integration_id) as filled:
            for copy in range(COPIES):
                await filled.push(TABLE, FLIGHTS_KEY, in_year(rows, 2013 + copy), 1)
            memory = _Memory(loader)
            seconds = await filled.load(memory.sample)
            peak = loader.peak_resident_megabytes()
    return [
        Measure(
            measure="a backlog of 5 million records",
            value=COPIES * len(rows) / seconds,
            unit="rows/s",
        ),
        Measure(
            measure="peak resident memory of the loader meanwhile",
            value=peak,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
        memory.flatness(),
    ]


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
