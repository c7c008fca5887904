"""A table's loads, read and parsed: one ahead, while the destination works on the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from services.journal.claims import Batch, BatchKey, Claims, TableKey
from services.loader.parsing.batch_builder import Assembly
from services.loader.parsing.parse_throttle import Pace
from services.loader.parsing.stored_bodies import Between, ParsedBodies, Source
from services.loader.schema.identifiers import FieldName

# Loads of one loader that are prepared before their time; each may hold as much as one in hand.
AHEAD_MAX = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one load, which may go beyond them by one batch only when that is its first.

    As large as memory allows; twice as large is hardly faster (bench/README.md). ``lease_seconds``
    is how long a loader that hangs keeps a table from others.
    """

    records: int = 50_000
    bytes: int = 32_000_000
    lease_seconds: float = 30.0


@dataclass(slots=True)
class Shared:
    """What the slots of one loader have in common."""

    limits: Limits
    field_name: FieldName
    parsed: ParsedBodies = field(default_factory=ParsedBodies)
    pace: Pace = field(default_factory=Pace)
    # Marks at the destination whose batches have left the journal.
    finished: list[BatchKey] = field(default_factory=list)
    # How often in a row a table was put back.
    put_back: dict[TableKey, int] = field(default_factory=dict)
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    source: Source
    assembly: Assembly


@dataclass(frozen=True, slots=True)
class Part:
    """What one load takes. ``prepared`` raises Unreadable, and whatever the journal raises.

    Once it is ``wanted`` it is no longer ahead of its time.
    """

    batches: list[Batch]
    prepared: asyncio.Task[Prepared]
    wanted: asyncio.Event


class Preparing:
    """For one turn. ``async with``, so that nothing is left under way."""

    def __init__(self, claims: Claims, shared: Shared, table: TableKey) -> None:
        self._claims = claims
        self._shared = shared
        self._table = table
        self._waiting: list[Batch] = []
        self._next: Part | None = None
        self._handed_out: Part | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._next is not None:
            self._shared.ahead -= 1
        await _give_up(self._handed_out, self._next)

    async def next(self) -> Part | None:
        """None when nothing waits for the table. The one before is given up if nobody used it."""
        await _give_up(self._handed_out)
        self._handed_out = await self._take_next()
        if self._handed_out is not None:
            self._handed_out.wanted.set()
        return self._handed_out

    async def _take_next(self) -> Part | None:
        if self._next is not None:
            part, self._next = self._next, None
            self._shared.ahead -= 1
            return part
        if not self._waiting:
            self._waiting = await self._claims.batches(self._table)
        return self._begin() if self._waiting else None

    def look_ahead(self) -> None:
        """Begins with the next load, if one is known and memory allows."""
        if self._waiting and self._next is None and self._shared.ahead < AHEAD_MAX:
            self._shared.ahead += 1
            self._next = self._begin()

    def _begin(self) -> Part:
        batches = of_one_load(self._waiting, self._shared.limits)
        del self._waiting[: len(batches)]
        wanted = asyncio.Event()
        between = partial(self._shared.pace.rest, wanted)
        return Part(batches, asyncio.create_task(self._prepare(batches, between)), wanted)

    async def _prepare(self, batches: list[Batch], between: Between) -> Prepared:
        bodies = await self._claims.bodies(batches)
        source = Source(batches, bodies, self._shared.parsed, self._shared.field_name)
        return Prepared(source, await source.assemble(between=between))


async def _give_up(*parts: Part | None) -> None:
    """What is under way ends; how what is over ended, nobody asks."""
    tasks = [part.prepared for part in parts if part is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def of_one_load(waiting: Sequence[Batch], limits: Limits) -> list[Batch]:
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
