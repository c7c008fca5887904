"""One load of one table: everything that happens in the destination's transaction.

A load is a line of three stages:

1. read: ``scheduling.prefetch`` claims batches and parses their bodies (``parsing``);
2. shape: ``table_preparation`` brings the tables into the shape that the records need;
3. write: ``row_writer`` brings the rows into them.

The second and third are here, between the lock and the commit. After the commit
``scheduling.table_loader`` removes the batches from the journal's pending list.

Rules: design, promise 8 and section 5; loading behaviour 4.2 and 4.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.journal.batches import BatchKey
from services.journal.interfaces import LoaderJournal
from services.loader.catalog.catalog import Catalog, LoadCounts
from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing.load_builder import ParsedLoad, RejectedRecord, RowGroup
from services.loader.parsing.messages import ActivateVersion
from services.loader.parsing.stored_bodies import StoredBodyReader
from services.loader.writing.rejects import RejectedRecords
from services.loader.writing.row_writer import write_rows
from services.loader.writing.table_preparation import prepare_tables
from services.loader.writing.tables import RootTable
from services.loader.writing.upsert import LoadMetadata
from services.loader.writing.version_routing import VersionRouter

# If someone has locked the table for longer, the load is retried later.
LOCK_SECONDS_MAX = 2
_LOCK_TIMEOUT = f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadJob:
    """What to load: ``parsed`` has all requests of ``reader``.

    The batches of ``finished_markers`` have left the journal, so their loaded markers can go.
    """

    schema: str
    reader: StoredBodyReader
    parsed: ParsedLoad
    finished_markers: Sequence[BatchKey]


@dataclass(slots=True)
class LoadResult:
    """``requests`` (from 1) were loaded now, ``earlier`` before this load, with the counts then.

    The others are no longer pending. ``stale`` counts records of versions older than the active
    one.
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
        """The counts stored with these requests; this load's are stored with its first one."""
        found = [self.earlier[i] for i in requests if i in self.earlier]
        if min(self.requests, default=0) in requests:
            found.append(self.counts)
        return LoadCounts(sum(c.rows for c in found), sum(c.rejected for c in found))


async def run_load(
    connection: DestinationConnection, journal: LoaderJournal, job: LoadJob, *, now: datetime
) -> LoadResult:
    """All or nothing. Raises what the destination raises, and UnreadableBody."""
    catalog, keys = Catalog(connection), job.reader.keys
    if not await catalog.has_schema(job.schema):
        # Created first: in the load's transaction it would block the first load of other tables.
        async with connection.transaction():
            await connection.execute(_LOCK_TIMEOUT)
            await catalog.create_schema(job.schema)
    async with connection.transaction():
        await connection.execute(_LOCK_TIMEOUT)
        await catalog.lock_table(job.schema, job.parsed.table.text)
        result = await _find_requests_to_load(catalog, journal, keys)
        if job.finished_markers:
            await catalog.delete_markers(job.finished_markers)
        if result.requests:
            parsed = job.parsed
            if len(result.requests) < len(keys):
                parsed = await job.reader.parse(result.requests)
            await _write(connection, job, parsed, result, now=now)
            loaded = [keys[i - 1] for i in sorted(result.requests)]
            await catalog.add_markers(loaded, job.schema, result.counts, now=now)
    return result


async def _write(
    connection: DestinationConnection,
    job: LoadJob,
    parsed: ParsedLoad,
    result: LoadResult,
    *,
    now: datetime,
) -> None:
    rejected = RejectedRecords(job.reader.record_texts)
    versions = VersionRouter(RootTable(connection, rejected, job.schema, parsed.table.text))
    received = [request.received_at for request in parsed.requests]
    batches = [str(request.batch_id) for request in parsed.requests]
    for step in parsed.steps:
        if isinstance(step, RowGroup):
            rejected.add(step.rejected)
        if parsed.table.problem is not None:
            continue
        if isinstance(step, ActivateVersion):
            result.rows += await versions.activate(step.version, now)
            continue
        target = await versions.target_for(step.version, now)
        if target is None:
            result.stale += step.records - len(step.rejected)
            continue
        result.rows += target.activated_rows
        records, version = step.flattened, target.version
        if records is None:
            continue
        tables = await prepare_tables(target.root, records, step.keys, version=version)
        if tables is None:
            continue
        metadata = LoadMetadata(batched_at=now, version=version, received=received, batches=batches)
        written = await write_rows(target.root, tables, records, metadata)
        result.rows += 0 if target.is_staged else written
    rejected.add([RejectedRecord(text, reason) for (_, reason), text in parsed.omissions.items()])
    table = parsed.table_name if parsed.table.problem else parsed.table.text
    await rejected.write(connection, job.schema, table, now=now)
    result.rejected = len(rejected)


async def _find_requests_to_load(
    catalog: Catalog, journal: LoaderJournal, keys: Sequence[BatchKey]
) -> LoadResult:
    """Reads the loaded markers first, then asks the journal.

    A marker is deleted only after its batch has left the journal. So a loader that lost its
    lease to another one sees either the marker or a journal without the batch.
    """
    loaded = await catalog.loaded_markers(keys)
    pending = await journal.still_pending(keys)
    numbered = list(enumerate(keys, start=1))
    return LoadResult(
        requests={i for i, key in numbered if key in pending and key not in loaded},
        earlier={i: loaded[key] for i, key in numbered if key in loaded},
    )
