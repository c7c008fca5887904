"""One table's turn: loads of what waits for it, and what happens when one goes wrong.

One bad record costs that record, one broken table costs that table (loading behaviour 4.7).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import islice

import asyncpg
from asyncpg import Pool, Record

from events.log import AnyConnection
from events.sql_files import load_queries
from services.journal.batches import Batch, TableKey
from services.journal.interfaces import LoaderJournal
from services.loader.catalog.catalog import Catalog, DestinationConnection, LoadCounts
from services.loader.parsing.stored_bodies import UnreadableBody
from services.loader.scheduling.prefetch import ParsedLoad, PendingLoad, Prefetcher, SharedState
from services.loader.schema.identifiers import root_table_name
from services.loader.schema.plan import ColumnNameTaken, TooManyColumns
from services.loader.writing.load import LoadJob, LoadResult, run_load
from services.loader.writing.rejects import RejectedTableAltered
from services.runtime.clock import Clock
from services.runtime.database import AWAY
from services.runtime.logs import Log
from services.runtime.metrics import (
    LOADER_LOAD_SECONDS,
    LOADER_PUT_BACK_TABLES,
    LOADER_REJECTED,
    LOADER_ROWS,
    LOADER_STALE,
)

# After so many loads a table's turn ends, so that others wait for seconds at most.
LOADS_PER_LEASE_MAX = 8
# Of a batch that fails for no reason outside of itself; then it is set aside.
ATTEMPTS_MAX = 5
# A table whose load was put back waits so long, twice as long each time in a row.
RETRY_SECONDS_MIN = 0.5
RETRY_SECONDS_MAX = 60.0
# A load may hold thousands of batches; each batch's own line was written when it was accepted.
LOGGED_REQUEST_IDS_MAX = 20

# Not the batches' fault: the table is tried again until it works.
_TEMPORARY = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,
)
# Of the batch and the table as it is; their texts say what to do.
_SELF_EXPLAINING = (ColumnNameTaken, RejectedTableAltered, TooManyColumns)


class TableLoader:
    """Takes turns for one slot, whose ``destination`` connection it has for itself."""

    def __init__(
        self,
        journal: Pool[Record],
        claims: LoaderJournal,
        destination: DestinationConnection,
        shared: SharedState,
        *,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._claims = claims
        self._destination = destination
        self._shared = shared
        self._clock = clock
        self._queries = load_queries("services.loader")

    async def load_table(self, table: TableKey) -> None:
        """Until nothing waits, the turn is over or something goes wrong. Raises only AWAY."""
        try:
            if not await self._load_until_done(table):
                return
        except AWAY:
            # The lease may go to another loader, if the journal still hears us.
            with contextlib.suppress(*AWAY):
                await self._claims.release_leases(table)
            raise
        self._shared.retries.pop(table, None)
        LOADER_PUT_BACK_TABLES.set(len(self._shared.retries))
        await self._claims.release_leases(table)

    async def _load_until_done(self, table: TableKey) -> bool:
        """False: the table waits, under our lease."""
        try:
            async with Prefetcher(self._claims, self._shared, table) as preparing:
                for _ in range(LOADS_PER_LEASE_MAX):
                    part = await preparing.next()
                    if part is None or not await self._claims.take_lease(
                        table, self._shared.limits.lease_seconds
                    ):
                        break
                    if not await self._try(table, part, preparing):
                        return False
        except UnreadableBody as unreadable:
            # The others of its part come before whatever was read ahead: the turn is over.
            await self._fail_batch(table, unreadable.batch, unreadable.reason)
        return True

    async def _try(self, table: TableKey, part: PendingLoad, preparing: Prefetcher) -> bool:
        """False: the table waits, under our lease. Raises AWAY, and Unreadable of one batch."""
        batches = part.batches
        try:
            await self._load(table, part, preparing)
        except _TEMPORARY as error:
            reason = _reason_of(error)
            if isinstance(error, asyncpg.LockNotAvailableError):
                reason = f"{reason}; {await self._lock_holders(table, batches[0].table_name)}"
            await self._retry_later(table, batches, reason)
            return False
        except (UnreadableBody, *AWAY):
            raise
        except Exception as error:  # noqa: BLE001 - the top of a table's turn: bounded, told
            if not isinstance(error, (asyncpg.PostgresError, *_SELF_EXPLAINING)):
                Log().exception("load.crashed", table=batches[0].table_name)
            await self._count_attempt(table, batches, _reason_of(error))
            return False
        return True

    async def _load(self, table: TableKey, part: PendingLoad, preparing: Prefetcher) -> None:
        began = self._clock.monotonic()
        schema = await self._claims.schema_name(table.integration_id)
        if schema is None:
            raise UnreadableBody(part.batches[0], "its integration is not known")
        prepared = await part.parsed
        preparing.prefetch_next()
        with self._shared.throttle.foreground():
            outcome = await self._run_load(schema, prepared)
            seconds = self._clock.monotonic() - began
            await self._finish(table, schema, part.batches, outcome, seconds=seconds)

    async def _run_load(self, schema: str, prepared: ParsedLoad) -> LoadResult:
        finished, self._shared.finished_markers = self._shared.finished_markers, []
        order = LoadJob(
            schema=schema,
            reader=prepared.reader,
            batch=prepared.batch,
            finished_markers=finished,
            throttle=self._shared.throttle,
        )
        try:
            return await run_load(self._destination, self._claims, order, now=self._clock.now())
        except BaseException:
            self._shared.finished_markers += finished
            raise

    async def _finish(
        self,
        table: TableKey,
        schema: str,
        batches: list[Batch],
        outcome: LoadResult,
        *,
        seconds: float,
    ) -> None:
        """Takes off the journal's list what is loaded, now or long ago, and tells of it once.

        What another loader set aside meanwhile is not, and stays there.
        """
        numbered = list(enumerate(batches, start=1))
        there = outcome.requests | outcome.earlier.keys()
        marks = [batch.key for i, batch in numbered if i in there]
        async with self._journal.acquire() as connection, connection.transaction():
            listed = await self._claims.finish(marks, connection)
            told = [(i, batch) for i, batch in numbered if batch.key in listed]
            if told:
                counts = outcome.counts_of([i for i, _ in told])
                loaded = [batch for _, batch in told]
                await self._record(connection, table, loaded, counts, seconds=seconds)
        self._shared.finished_markers += marks
        LOADER_ROWS.inc(outcome.rows)
        LOADER_REJECTED.inc(outcome.rejected)
        LOADER_STALE.inc(outcome.stale)
        LOADER_LOAD_SECONDS.observe(seconds)
        Log().info(
            "table.loaded",
            schema=schema,
            table=batches[0].table_name,
            batches=len(outcome.requests),
            rows=outcome.rows,
            rejected=outcome.rejected,
            stale=outcome.stale,
            milliseconds=round(seconds * 1000),
            request_ids=_request_ids([batch for i, batch in numbered if i in outcome.requests]),
        )

    async def _record(
        self,
        connection: AnyConnection,
        table: TableKey,
        loaded: Sequence[Batch],
        written: LoadCounts,
        *,
        seconds: float,
    ) -> None:
        now = self._clock.now()
        name, records = loaded[0].table_name, sum(batch.records for batch in loaded)
        lag_seconds = max(0.0, (now - loaded[0].received_at).total_seconds())
        counts = (records, *written)
        await connection.execute(
            self._queries["record_load"],
            table.integration_id,
            name,
            now,
            len(loaded),
            *counts,
            loaded[0].number,
            loaded[-1].number,
            round(seconds * 1000),
            lag_seconds,
        )
        await connection.execute(
            self._queries["add_to_table"], table.integration_id, name, *counts, now, lag_seconds
        )

    # --- when it goes wrong ---

    async def _retry_later(self, table: TableKey, batches: list[Batch], reason: str) -> None:
        times = self._shared.retries[table] = self._shared.retries.get(table, 0) + 1
        LOADER_PUT_BACK_TABLES.set(len(self._shared.retries))
        await self._wait_under_lease(table, times)
        await self._report_postponed(table, batches, reason, attempt=times)

    async def _lock_holders(self, table: TableKey, table_name: str) -> str:
        schema = await self._claims.schema_name(table.integration_id)
        name = root_table_name(table_name).text
        holders = await Catalog(self._destination).lock_holders(schema or "", name)
        return "locked by " + (", ".join(holders) or "somebody who is gone by now")

    async def _count_attempt(self, table: TableKey, batches: list[Batch], reason: str) -> None:
        """Batches that failed together are loaded one by one after that."""
        attempt = batches[0].attempts + 1
        marks = [batch.key for batch in batches]
        if attempt >= ATTEMPTS_MAX and len(batches) == 1:
            await self._fail_batch(table, batches[0], reason)
            await self._claims.release_leases(table)
            return
        await self._claims.count_attempt(marks, reason)
        await self._wait_under_lease(table, attempt)
        await self._report_postponed(table, batches, reason, attempt=attempt)

    async def _wait_under_lease(self, table: TableKey, times: int) -> None:
        seconds = min(RETRY_SECONDS_MIN * 2 ** min(times - 1, 10), RETRY_SECONDS_MAX)
        await self._claims.take_lease(table, seconds)

    async def _report_postponed(
        self, table: TableKey, batches: list[Batch], reason: str, *, attempt: int
    ) -> None:
        name = batches[0].table_name
        await self._journal.execute(
            self._queries["record_retry"], table.integration_id, name, self._clock.now(), reason
        )
        Log().warning(
            "load.retry_scheduled",
            integration_id=table.integration_id,
            table=name,
            batches=len(batches),
            attempt=attempt,
            reason=reason,
        )

    async def _fail_batch(self, table: TableKey, batch: Batch, reason: str) -> None:
        await self._claims.mark_failed([batch.key], reason)
        Log().error(
            "batch.failed",
            batch_id=str(batch.key.batch_id),
            request_id=batch.request_id,
            integration_id=table.integration_id,
            table=batch.table_name,
            reason=reason,
        )


def _reason_of(error: BaseException) -> str:
    """For people, without the detail line, which may hold what was pushed."""
    if isinstance(error, _SELF_EXPLAINING):
        return str(error)
    if isinstance(error, asyncpg.PostgresError):
        return f"{error.sqlstate}: {error.args[0] if error.args else type(error).__name__}"
    return type(error).__name__


def _request_ids(loaded: Sequence[Batch]) -> list[str]:
    """As they came with the pushes; the first few of them, in the order of acceptance."""
    given = (batch.request_id for batch in loaded if batch.request_id is not None)
    return list(islice(given, LOGGED_REQUEST_IDS_MAX))
