"""A table's loads, read and parsed: one ahead, while the destination works on the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from services.journal.batches import Batch, BatchKey, TableKey
from services.journal.interfaces import LoaderJournal
from services.loader.parsing.batch_builder import BatchBuilder
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.parsing.stored_bodies import ParsedBodyCache, StoredBodyReader, Yielder
from services.loader.schema.identifiers import FieldNaming

# Loads of one loader that are prepared before their time; each may hold as much as one in hand.
PREFETCHED_LOADS_MAX = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """Of one load, which may go beyond them by one batch only when that is its first.

    As large as memory allows; twice as large is hardly faster (bench/README.md). ``lease_seconds``
    is how long a loader that hangs keeps a table from others.
    """

    records: int = 50_000
    bytes: int = 32_000_000
    lease_seconds: float = 30.0


@dataclass(slots=True)
class SharedState:
    """What the slots of one loader have in common."""

    limits: LoadLimits
    field_name: FieldNaming
    parsed_bodies: ParsedBodyCache = field(default_factory=ParsedBodyCache)
    throttle: ParseThrottle = field(default_factory=ParseThrottle)
    # Marks at the destination whose batches have left the journal.
    finished_markers: list[BatchKey] = field(default_factory=list)
    # How often in a row a table was put back.
    retries: dict[TableKey, int] = field(default_factory=dict)
    prefetched: int = 0


@dataclass(frozen=True, slots=True)
class ParsedLoad:
    reader: StoredBodyReader
    batch: BatchBuilder


@dataclass(frozen=True, slots=True)
class PendingLoad:
    """What one load takes. ``prepared`` raises Unreadable, and whatever the journal raises.

    Once it is ``wanted`` it is no longer ahead of its time.
    """

    batches: list[Batch]
    parsed: asyncio.Task[ParsedLoad]
    needed: asyncio.Event


class Prefetcher:
    """For one turn. ``async with``, so that nothing is left under way."""

    def __init__(self, claims: LoaderJournal, shared: SharedState, table: TableKey) -> None:
        self._claims = claims
        self._shared = shared
        self._table = table
        self._waiting: list[Batch] = []
        self._next: PendingLoad | None = None
        self._handed_out: PendingLoad | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._next is not None:
            self._shared.prefetched -= 1
        await _cancel(self._handed_out, self._next)

    async def next(self) -> PendingLoad | None:
        """None when nothing waits for the table. The one before is given up if nobody used it."""
        await _cancel(self._handed_out)
        self._handed_out = await self._take_next()
        if self._handed_out is not None:
            self._handed_out.needed.set()
        return self._handed_out

    async def _take_next(self) -> PendingLoad | None:
        if self._next is not None:
            part, self._next = self._next, None
            self._shared.prefetched -= 1
            return part
        if not self._waiting:
            self._waiting = await self._claims.batches(self._table)
        return self._start() if self._waiting else None

    def prefetch_next(self) -> None:
        """Begins with the next load, if one is known and memory allows."""
        if self._waiting and self._next is None and self._shared.prefetched < PREFETCHED_LOADS_MAX:
            self._shared.prefetched += 1
            self._next = self._start()

    def _start(self) -> PendingLoad:
        batches = batches_of_one_load(self._waiting, self._shared.limits)
        del self._waiting[: len(batches)]
        wanted = asyncio.Event()
        between = partial(self._shared.throttle.yield_to_loads, wanted)
        return PendingLoad(batches, asyncio.create_task(self._parse(batches, between)), wanted)

    async def _parse(self, batches: list[Batch], between: Yielder) -> ParsedLoad:
        bodies = await self._claims.bodies(batches)
        source = StoredBodyReader(
            batches, bodies, self._shared.parsed_bodies, self._shared.field_name
        )
        return ParsedLoad(source, await source.build(between=between))


async def _cancel(*parts: PendingLoad | None) -> None:
    """What is under way ends; how what is over ended, nobody asks."""
    tasks = [part.parsed for part in parts if part is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def batches_of_one_load(waiting: Sequence[Batch], limits: LoadLimits) -> list[Batch]:
    """The oldest within the limits, at least one; whatever failed before is loaded alone."""
    first = waiting[0]
    if first.attempts:
        return [first]
    chosen: list[Batch] = []
    records = size = 0
    for batch in waiting:
        records += batch.records
        size += batch.bytes
        over = records > limits.records or size > limits.bytes
        # Two names may share a hash; each then has loads of its own.
        if chosen and (over or batch.attempts or batch.table_name != first.table_name):
            break
        chosen.append(batch)
    return chosen
