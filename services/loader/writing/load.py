"""One load of one table: everything that happens in the destination's transaction.

Rules: design, promise 8 and section 5; loading behaviour 4.2 and 4.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.journal.claims import BatchKey, Claims
from services.loader.catalog.catalog import Books, Counts, Destination
from services.loader.parsing.batch_builder import Assembly, Parcel, Rejected
from services.loader.parsing.messages import Switch
from services.loader.parsing.parse_throttle import Pace
from services.loader.parsing.stored_bodies import Source
from services.loader.writing.rejects import Rejects
from services.loader.writing.staging import Stamp
from services.loader.writing.table_writer import Place
from services.loader.writing.version_routing import Versions

# A table that somebody else has locked for longer is tried again later.
LOCK_SECONDS_MAX = 2
_LOCK_TIMEOUT = f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be loaded. ``assembly`` is of all of the source's requests.

    ``finished`` were loaded before and have left the journal: their marks can go. The load is one
    of ``pace``, which it tells when the destination is at work for long.
    """

    schema: str
    source: Source
    assembly: Assembly
    finished: Sequence[BatchKey]
    pace: Pace


@dataclass(slots=True)
class Outcome:
    """``requests`` (from 1) were loaded now, ``earlier`` had been; others are gone or set aside.

    ``earlier`` has what was counted then. ``stale`` counts records of a version older than the
    active one.
    """

    rows: int = 0
    rejected: int = 0
    stale: int = 0
    requests: set[int] = field(default_factory=set)
    earlier: dict[int, Counts] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        return Counts(self.rows, self.rejected)

    def counts_of(self, requests: Sequence[int]) -> Counts:
        """Those that stand beside these requests: of this load, beside its first one."""
        found = [self.earlier[i] for i in requests if i in self.earlier]
        if min(self.requests, default=0) in requests:
            found.append(self.counts)
        return Counts(sum(c.rows for c in found), sum(c.rejected for c in found))


async def load(connection: Destination, claims: Claims, order: Order, *, now: datetime) -> Outcome:
    """All or nothing. Raises what the destination raises; then nothing of it happened.

    But the schema stays: made inside, it would hold up the first load of every other table.
    """
    books = Books(connection)
    marks = order.source.marks
    if not await books.has_schema(order.schema):
        async with connection.transaction():
            await connection.execute(_LOCK_TIMEOUT)
            await books.make_schema(order.schema)
    async with connection.transaction():
        await connection.execute(_LOCK_TIMEOUT)
        await books.lock_table(order.schema, order.assembly.table.text)
        outcome = await _what_to_load(books, claims, order)
        if order.finished:
            await books.unmark(order.finished)
        if outcome.requests:
            assembly = order.assembly
            if len(outcome.requests) < len(marks):
                assembly = await order.source.assemble(outcome.requests)
            await _load_steps(connection, order, assembly, outcome, now=now)
            loaded = [marks[i - 1] for i in sorted(outcome.requests)]
            await books.mark(loaded, order.schema, outcome.counts, now=now)
    return outcome


async def _what_to_load(books: Books, claims: Claims, order: Order) -> Outcome:
    """Asks the marks first, then the journal.

    A mark goes only after its batch has left the journal. So a loader whose lease ran out while
    another did the work sees either the mark or a journal without the batch.
    """
    marks = order.source.marks
    marked = await books.marked(marks)
    pending = await claims.still_pending(marks)
    numbered = list(enumerate(marks, start=1))
    return Outcome(
        requests={i for i, mark in numbered if mark in pending and mark not in marked},
        earlier={i: marked[mark] for i, mark in numbered if mark in marked},
    )


async def _load_steps(
    connection: Destination, order: Order, assembly: Assembly, outcome: Outcome, *, now: datetime
) -> None:
    rejects = Rejects(order.source.texts_of)
    place = Place(connection, rejects, order.pace, schema=order.schema, table=assembly.table.text)
    received = [request.received_at for request in assembly.requests]
    batches = [str(request.batch_id) for request in assembly.requests]
    versions = Versions(connection, place)
    for step in assembly.steps:
        if assembly.table.problem is not None:
            rejects.add(step.rejected if isinstance(step, Parcel) else ())
        elif isinstance(step, Switch):
            outcome.rows += await versions.activate(step.version, now)
        else:
            rejects.add(step.rejected)
            way = await versions.way_for(step.version, now)
            if way is None:
                outcome.stale += step.records - len(step.rejected)
                continue
            outcome.rows += way.moved
            if step.load is None:
                continue
            stamp = Stamp(batched_at=now, version=way.version, received=received, batches=batches)
            written = await way.place.put(step.load, step.keys, stamp)
            outcome.rows += 0 if way.waits else written
    rejects.add([Rejected(text, reason) for (_, reason), text in assembly.notes.items()])
    name = assembly.table_name if assembly.table.problem else assembly.table.text
    await rejects.write(connection, order.schema, name, now=now)
    outcome.rejected = len(rejects)
