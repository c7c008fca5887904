"""Loads the pending batches of one table, load after load, from claim to record."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import islice

from asyncpg import Pool, Record

from events.log import AnyConnection
from events.sql_files import load_queries
from services.journal.batches import Batch, TableKey
from services.journal.interfaces import LoaderJournal
from services.loader.catalog.catalog import LoadCounts
from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing.stored_bodies import UnreadableBody
from services.loader.scheduling.prefetch import PendingLoad, Prefetcher, ReadLoad
from services.loader.scheduling.retry import TEMPORARY, LoadRetries
from services.loader.scheduling.shared_state import SharedState
from services.loader.writing.load import LoadJob, LoadResult, run_load
from services.runtime.clock import Clock
from services.runtime.database import AWAY
from services.runtime.logs import Log
from services.runtime.metrics import (
    LOADER_LOAD_SECONDS,
    LOADER_REJECTED,
    LOADER_ROWS,
    LOADER_STALE,
)

# After so many loads the lease is released, so that other tables wait for seconds at most.
LOADS_PER_LEASE_MAX = 8
# A load can have thousands of batches, and each was logged when it was accepted.
LOGGED_REQUEST_IDS_MAX = 20


class TableLoader:
    """For one slot, which has the ``destination`` connection to itself."""

    def __init__(
        self,
        database: Pool[Record],
        journal: LoaderJournal,
        destination: DestinationConnection,
        shared: SharedState,
        *,
        clock: Clock,
    ) -> None:
        self._database = database
        self._journal = journal
        self._destination = destination
        self._shared = shared
        self._clock = clock
        self._queries = load_queries("services.loader")
        self._retries = LoadRetries(database, journal, destination, shared, clock=clock)

    async def load_table(self, table: TableKey) -> None:
        """Until no batch is pending, LOADS_PER_LEASE_MAX or a load has failed. Raises only AWAY."""
        try:
            if not await self._load_while_leased(table):
                return
        except AWAY:
            # Another loader can take the table, if the journal can still be reached.
            with contextlib.suppress(*AWAY):
                await self._journal.release_leases(table)
            raise
        self._retries.clear(table)
        await self._journal.release_leases(table)

    async def _load_while_leased(self, table: TableKey) -> bool:
        """False if a load is to be retried: the table stays leased until then."""
        try:
            async with Prefetcher(self._journal, self._shared, table) as prefetcher:
                for _ in range(LOADS_PER_LEASE_MAX):
                    pending = await prefetcher.next()
                    if pending is None or not await self._journal.take_lease(
                        table, self._shared.limits.lease_seconds
                    ):
                        break
                    try:
                        await self._load(table, pending, prefetcher)
                    except TEMPORARY as error:
                        await self._retries.retry_later(error, table, pending.batches)
                        return False
                    except (UnreadableBody, *AWAY):
                        raise
                    except Exception as error:  # noqa: BLE001 - attempts are bounded and reported
                        await self._retries.count_attempt(error, table, pending.batches)
                        return False
        except UnreadableBody as unreadable:
            # The other batches of the load come before what was prefetched, so start again.
            await self._retries.mark_failed(table, unreadable.batch, unreadable.reason)
        return True

    async def _load(self, table: TableKey, pending: PendingLoad, prefetcher: Prefetcher) -> None:
        """One load: read, write to the destination, record in the journal."""
        began = self._clock.monotonic()
        schema = await self._journal.schema_name(table.integration_id)
        if schema is None:
            raise UnreadableBody(pending.batches[0], "its integration does not exist")
        read = await pending.read
        prefetcher.prefetch_next()
        with self._shared.throttle.foreground():
            result = await self._write(schema, read)
            seconds = self._clock.monotonic() - began
            await self._finish(table, pending.batches, result, seconds=seconds)
        _report(schema, pending.batches, result, seconds=seconds)

    async def _write(self, schema: str, read: ReadLoad) -> LoadResult:
        finished, self._shared.finished_markers = self._shared.finished_markers, []
        job = LoadJob(
            schema=schema, reader=read.reader, parsed=read.parsed, finished_markers=finished
        )
        try:
            return await run_load(self._destination, self._journal, job, now=self._clock.now())
        except BaseException:
            self._shared.finished_markers += finished
            raise

    async def _finish(
        self, table: TableKey, batches: list[Batch], result: LoadResult, *, seconds: float
    ) -> None:
        """Removes from the journal's pending list what is loaded, now or earlier, and records it.

        Batches that another loader marked as failed meanwhile stay in the list.
        """
        numbered = list(enumerate(batches, start=1))
        loaded = result.requests | result.earlier.keys()
        keys = [batch.key for i, batch in numbered if i in loaded]
        async with self._database.acquire() as connection, connection.transaction():
            removed = await self._journal.finish(keys, connection)
            recorded = [(i, batch) for i, batch in numbered if batch.key in removed]
            if recorded:
                counts = result.counts_of([i for i, _ in recorded])
                await self._record(
                    connection, table, [batch for _, batch in recorded], counts, seconds=seconds
                )
        self._shared.finished_markers += keys

    async def _record(
        self,
        connection: AnyConnection,
        table: TableKey,
        batches: Sequence[Batch],
        written: LoadCounts,
        *,
        seconds: float,
    ) -> None:
        now = self._clock.now()
        name, records = batches[0].table_name, sum(batch.records for batch in batches)
        lag_seconds = max(0.0, (now - batches[0].received_at).total_seconds())
        counts = (records, *written)
        await connection.execute(
            self._queries["record_load"],
            table.integration_id,
            name,
            now,
            len(batches),
            *counts,
            batches[0].number,
            batches[-1].number,
            round(seconds * 1000),
            lag_seconds,
        )
        await connection.execute(
            self._queries["add_to_table"], table.integration_id, name, *counts, now, lag_seconds
        )


def _report(schema: str, batches: Sequence[Batch], result: LoadResult, *, seconds: float) -> None:
    LOADER_ROWS.inc(result.rows)
    LOADER_REJECTED.inc(result.rejected)
    LOADER_STALE.inc(result.stale)
    LOADER_LOAD_SECONDS.observe(seconds)
    loaded = [batch for i, batch in enumerate(batches, start=1) if i in result.requests]
    request_ids = (batch.request_id for batch in loaded if batch.request_id is not None)
    Log().info(
        "table.loaded",
        schema=schema,
        table=batches[0].table_name,
        batches=len(loaded),
        rows=result.rows,
        rejected=result.rejected,
        stale=result.stale,
        milliseconds=round(seconds * 1000),
        request_ids=list(islice(request_ids, LOGGED_REQUEST_IDS_MAX)),
    )
