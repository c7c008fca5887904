"""One load of one table: everything that happens in the destination's transaction.

Rules: design, promise 8 and section 5; loading behaviour 4.2 and 4.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.journal.batches import BatchKey
from services.journal.interfaces import LoaderJournal
from services.loader.catalog.catalog import Catalog, DestinationConnection, LoadCounts
from services.loader.parsing.batch_builder import BatchBuilder, RejectedRecord, RowGroup
from services.loader.parsing.messages import ActivateVersion
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.parsing.stored_bodies import StoredBodyReader
from services.loader.writing.rejects import RejectedRecords
from services.loader.writing.staging import LoadMetadata
from services.loader.writing.table_writer import TableWriter
from services.loader.writing.version_routing import VersionRouter

# A table that somebody else has locked for longer is tried again later.
LOCK_SECONDS_MAX = 2
_LOCK_TIMEOUT = f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadJob:
    """What is to be loaded. ``assembly`` is of all of the source's requests.

    ``finished`` were loaded before and have left the journal: their marks can go. The load is one
    of ``pace``, which it tells when the destination is at work for long.
    """

    schema: str
    reader: StoredBodyReader
    batch: BatchBuilder
    finished_markers: Sequence[BatchKey]
    throttle: ParseThrottle


@dataclass(slots=True)
class LoadResult:
    """``requests`` (from 1) were loaded now, ``earlier`` had been; others are gone or set aside.

    ``earlier`` has what was counted then. ``stale`` counts records of a version older than the
    active one.
    """

    rows: int = 0
    rejected: int = 0
    stale: int = 0
    requests: set[int] = field(default_factory=set)
    earlier: dict[int, LoadCounts] = field(default_factory=dict)

    @property
    def counts(self) -> LoadCounts:
        return LoadCounts(self.rows, self.rejected)

    def counts_of(self, requests: Sequence[int]) -> LoadCounts:
        """Those that stand beside these requests: of this load, beside its first one."""
        found = [self.earlier[i] for i in requests if i in self.earlier]
        if min(self.requests, default=0) in requests:
            found.append(self.counts)
        return LoadCounts(sum(c.rows for c in found), sum(c.rejected for c in found))


async def run_load(
    connection: DestinationConnection, claims: LoaderJournal, order: LoadJob, *, now: datetime
) -> LoadResult:
    """All or nothing. Raises what the destination raises; then nothing of it happened.

    But the schema stays: made inside, it would hold up the first load of every other table.
    """
    books = Catalog(connection)
    marks = order.reader.markers
    if not await books.has_schema(order.schema):
        async with connection.transaction():
            await connection.execute(_LOCK_TIMEOUT)
            await books.create_schema(order.schema)
    async with connection.transaction():
        await connection.execute(_LOCK_TIMEOUT)
        await books.lock_table(order.schema, order.batch.table.text)
        outcome = await _find_requests_to_load(books, claims, order)
        if order.finished_markers:
            await books.delete_markers(order.finished_markers)
        if outcome.requests:
            assembly = order.batch
            if len(outcome.requests) < len(marks):
                assembly = await order.reader.build(outcome.requests)
            await _run_steps(connection, order, assembly, outcome, now=now)
            loaded = [marks[i - 1] for i in sorted(outcome.requests)]
            await books.add_markers(loaded, order.schema, outcome.counts, now=now)
    return outcome


async def _find_requests_to_load(
    books: Catalog, claims: LoaderJournal, order: LoadJob
) -> LoadResult:
    """Asks the marks first, then the journal.

    A mark goes only after its batch has left the journal. So a loader whose lease ran out while
    another did the work sees either the mark or a journal without the batch.
    """
    marks = order.reader.markers
    marked = await books.loaded_markers(marks)
    pending = await claims.still_pending(marks)
    numbered = list(enumerate(marks, start=1))
    return LoadResult(
        requests={i for i, mark in numbered if mark in pending and mark not in marked},
        earlier={i: marked[mark] for i, mark in numbered if mark in marked},
    )


async def _run_steps(
    connection: DestinationConnection,
    order: LoadJob,
    assembly: BatchBuilder,
    outcome: LoadResult,
    *,
    now: datetime,
) -> None:
    rejects = RejectedRecords(order.reader.record_texts)
    place = TableWriter(
        connection, rejects, order.throttle, schema=order.schema, table=assembly.table.text
    )
    received = [request.received_at for request in assembly.requests]
    batches = [str(request.batch_id) for request in assembly.requests]
    versions = VersionRouter(connection, place)
    for step in assembly.steps:
        if assembly.table.problem is not None:
            rejects.add(step.rejected if isinstance(step, RowGroup) else ())
        elif isinstance(step, ActivateVersion):
            outcome.rows += await versions.activate(step.version, now)
        else:
            rejects.add(step.rejected)
            way = await versions.target_for(step.version, now)
            if way is None:
                outcome.stale += step.records - len(step.rejected)
                continue
            outcome.rows += way.activated_rows
            if step.flattened is None:
                continue
            stamp = LoadMetadata(
                batched_at=now, version=way.version, received=received, batches=batches
            )
            written = await way.writer.write(step.flattened, step.keys, stamp)
            outcome.rows += 0 if way.is_staged else written
    rejects.add([RejectedRecord(text, reason) for (_, reason), text in assembly.omissions.items()])
    name = assembly.table_name if assembly.table.problem else assembly.table.text
    await rejects.write(connection, order.schema, name, now=now)
    outcome.rejected = len(rejects)
