"""What happens after a load has failed: retried later, tried batch by batch, or given up.

One bad record costs that record, one broken table costs that table (loading behaviour 4.7). A
temporary error of the destination is retried until it works. For any other error the batches are
loaded one by one, and a batch that fails ATTEMPTS_MAX times is marked as failed.
"""

from __future__ import annotations

import asyncpg
from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.journal.batches import Batch, TableKey
from services.journal.interfaces import LoaderJournal
from services.loader.catalog.catalog import Catalog
from services.loader.catalog.connection import DestinationConnection
from services.loader.scheduling.shared_state import SharedState
from services.loader.schema.identifiers import root_table_name
from services.loader.schema.plan import ColumnNameTaken, TooManyColumns
from services.loader.writing.rejects import RejectedTableAltered
from services.runtime.clock import Clock
from services.runtime.logs import Log
from services.runtime.metrics import LOADER_PUT_BACK_TABLES

ATTEMPTS_MAX = 5
# The pause before a retry doubles each time.
RETRY_SECONDS_MIN = 0.5
RETRY_SECONDS_MAX = 60.0

# Not caused by the batches: the load is retried without limit. Check these before AWAY, which has
# base classes of some of them.
TEMPORARY = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,
)
# Caused by the batch and the table as it is; their texts say what to do.
_SELF_EXPLAINING = (ColumnNameTaken, RejectedTableAltered, TooManyColumns)


class LoadRetries:
    """For one slot. A table with a load to retry stays leased during the pause."""

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
        self._retries = shared.retries
        self._clock = clock
        self._queries = load_queries("services.loader")

    async def retry_later(self, error: Exception, table: TableKey, batches: list[Batch]) -> None:
        """After one of TEMPORARY."""
        reason = _reason_of(error)
        if isinstance(error, asyncpg.LockNotAvailableError):
            reason = f"{reason}; {await self._lock_holders(table, batches[0].table_name)}"
        attempt = self._retries[table] = self._retries.get(table, 0) + 1
        LOADER_PUT_BACK_TABLES.set(len(self._retries))
        await self._postpone(table, batches, reason, attempt=attempt)

    async def count_attempt(self, error: Exception, table: TableKey, batches: list[Batch]) -> None:
        """After any other error. Batches with an attempt are loaded one by one from then on."""
        reason, attempt = _reason_of(error), batches[0].attempts + 1
        if not isinstance(error, (asyncpg.PostgresError, *_SELF_EXPLAINING)):
            Log().exception("load.crashed", table=batches[0].table_name)
        if attempt >= ATTEMPTS_MAX and len(batches) == 1:
            await self.mark_failed(table, batches[0], reason)
            await self._journal.release_leases(table)
            return
        await self._journal.count_attempt([batch.key for batch in batches], reason)
        await self._postpone(table, batches, reason, attempt=attempt)

    async def mark_failed(self, table: TableKey, batch: Batch, reason: str) -> None:
        """The batch is not tried again until an operator retries it."""
        await self._journal.mark_failed([batch.key], reason)
        Log().error(
            "batch.failed",
            batch_id=str(batch.key.batch_id),
            request_id=batch.request_id,
            integration_id=table.integration_id,
            table=batch.table_name,
            reason=reason,
        )

    def clear(self, table: TableKey) -> None:
        """After loads of the table have succeeded."""
        self._retries.pop(table, None)
        LOADER_PUT_BACK_TABLES.set(len(self._retries))

    async def _postpone(
        self, table: TableKey, batches: list[Batch], reason: str, *, attempt: int
    ) -> None:
        seconds = min(RETRY_SECONDS_MIN * 2 ** min(attempt - 1, 10), RETRY_SECONDS_MAX)
        await self._journal.take_lease(table, seconds)
        name = batches[0].table_name
        await self._database.execute(
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

    async def _lock_holders(self, table: TableKey, table_name: str) -> str:
        schema = await self._journal.schema_name(table.integration_id)
        name = root_table_name(table_name).text
        holders = await Catalog(self._destination).lock_holders(schema or "", name)
        return "locked by " + (", ".join(holders) or "a session that has since ended")


def _reason_of(error: BaseException) -> str:
    """For operators. Without PostgreSQL's detail line, which can quote what was pushed."""
    if isinstance(error, _SELF_EXPLAINING):
        return str(error)
    if isinstance(error, asyncpg.PostgresError):
        return f"{error.sqlstate}: {error.args[0] if error.args else type(error).__name__}"
    return type(error).__name__
