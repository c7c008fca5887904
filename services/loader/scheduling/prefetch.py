"""Parses the next load of a table while the destination works on the current one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from services.journal.batches import Batch, TableKey
from services.journal.interfaces import LoaderJournal
from services.loader.parsing.load_builder import ParsedLoad
from services.loader.parsing.stored_bodies import StoredBodyReader, Yielder
from services.loader.scheduling.shared_state import LoadLimits, SharedState

# Per loader, not per slot: a prefetched load takes as much memory as one being written.
PREFETCHED_LOADS_MAX = 1


@dataclass(frozen=True, slots=True)
class ReadLoad:
    """A load with its bodies parsed; ``reader`` can read them again."""

    reader: StoredBodyReader
    parsed: ParsedLoad


@dataclass(frozen=True, slots=True)
class PendingLoad:
    """``read`` raises UnreadableBody, and whatever the journal raises.

    As soon as ``needed`` is set, its parsing no longer yields to other loads.
    """

    batches: list[Batch]
    read: asyncio.Task[ReadLoad]
    needed: asyncio.Event


class Prefetcher:
    """For one table, while it is leased. Use ``async with``, so that no task is left running."""

    def __init__(self, journal: LoaderJournal, shared: SharedState, table: TableKey) -> None:
        self._journal = journal
        self._shared = shared
        self._table = table
        self._batches: list[Batch] = []
        self._next: PendingLoad | None = None
        self._current: PendingLoad | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._next is not None:
            self._shared.prefetched -= 1
        await _cancel(self._current, self._next)

    async def next(self) -> PendingLoad | None:
        """None if no batch of the table is pending. Cancels the load before, if it was not used."""
        await _cancel(self._current)
        self._current = await self._take_next()
        if self._current is not None:
            self._current.needed.set()
        return self._current

    async def _take_next(self) -> PendingLoad | None:
        if self._next is not None:
            load, self._next = self._next, None
            self._shared.prefetched -= 1
            return load
        if not self._batches:
            self._batches = await self._journal.batches(self._table)
        return self._start() if self._batches else None

    def prefetch_next(self) -> None:
        """Starts the next load if there is one and memory allows."""
        if self._batches and self._next is None and self._shared.prefetched < PREFETCHED_LOADS_MAX:
            self._shared.prefetched += 1
            self._next = self._start()

    def _start(self) -> PendingLoad:
        batches = batches_of_one_load(self._batches, self._shared.limits)
        del self._batches[: len(batches)]
        needed = asyncio.Event()
        yielder = partial(self._shared.throttle.yield_to_loads, needed)
        return PendingLoad(batches, asyncio.create_task(self._read(batches, yielder)), needed)

    async def _read(self, batches: list[Batch], yielder: Yielder) -> ReadLoad:
        bodies = await self._journal.bodies(batches)
        shared = self._shared
        reader = StoredBodyReader(batches, bodies, shared.parsed_bodies, shared.field_name)
        return ReadLoad(reader, await reader.parse(yielder=yielder))


async def _cancel(*loads: PendingLoad | None) -> None:
    """Waits until they have ended, and ignores how."""
    tasks = [load.read for load in loads if load is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def batches_of_one_load(pending: Sequence[Batch], limits: LoadLimits) -> list[Batch]:
    """The oldest within the limits, at least one. A batch that failed before is loaded alone."""
    first = pending[0]
    if first.attempts:
        return [first]
    chosen: list[Batch] = []
    records = size = 0
    for batch in pending:
        records += batch.records
        size += batch.bytes
        over = records > limits.records or size > limits.bytes
        # Two names can have the same hash; each then has loads of its own.
        if chosen and (over or batch.attempts or batch.table_name != first.table_name):
            break
        chosen.append(batch)
    return chosen
