"""How a loader claims batches in PostgreSQL: leases on tables, waiting batches, and their end.

One loader at a time works on a table, under a lease that ends with its time or with the holder's
last connection, whichever is first. The lease only saves work: what keeps a batch from being loaded
twice is the destination's own transaction (design, promise 8), so losing a lease is no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Pool, Record

from events.log import AnyConnection
from events.sql_files import load_queries
from services.journal.batches import (
    Backlog,
    Batch,
    BatchKey,
    StoredBody,
    TableKey,
    batch_key_columns,
)

# Batches of one claim. With one record each they are a load of about 5 MB.
BATCHES_MAX = 5_000


def loader_application_name(holder: UUID) -> str:
    """The application_name that a loader's connections to the journal must have.

    Other loaders see by it that the holder of a lease is alive; without it the lease is void.
    """
    return f"pushgate loader {holder}"


class Claims:
    """``LoaderJournal`` on PostgreSQL. ``holder`` identifies the loader in its leases."""

    def __init__(self, pool: Pool[Record], holder: UUID) -> None:
        self._pool = pool
        self._holder = holder
        self._queries = load_queries("services.journal")

    async def tables_with_work(self, after: TableKey, limit: int) -> list[TableKey]:
        rows = await self._pool.fetch(self._queries["tables_with_work"], *after, limit)
        return [TableKey(*row) for row in rows]

    async def take_lease(self, table: TableKey, lease_seconds: float) -> bool:
        row = await self._pool.fetchval(
            self._queries["take_lease"], *table, self._holder, lease_seconds
        )
        return row is not None

    async def release_leases(self, table: TableKey | None = None) -> None:
        key = (None, None) if table is None else tuple(table)
        await self._pool.execute(self._queries["release_leases"], self._holder, *key)

    async def batches(self, table: TableKey) -> list[Batch]:
        """At most BATCHES_MAX."""
        rows = await self._pool.fetch(self._queries["claim_batches"], *table, BATCHES_MAX)
        return [Batch(BatchKey(row["batch_id"], row["place"]), *tuple(row)[2:]) for row in rows]

    async def bodies(self, batches: Sequence[Batch]) -> dict[UUID, StoredBody]:
        rows = await self._pool.fetch(
            self._queries["claimed_bodies"],
            [batch.key.batch_id for batch in batches],
            [batch.received_at for batch in batches],
        )
        return {row["batch_id"]: StoredBody(row["media_type"], row["body"]) for row in rows}

    async def still_pending(self, keys: Sequence[BatchKey]) -> set[BatchKey]:
        return await self._matching("still_pending", keys)

    async def listed(self, keys: Sequence[BatchKey]) -> set[BatchKey]:
        return await self._matching("listed", keys)

    async def _matching(self, query: str, keys: Sequence[BatchKey]) -> set[BatchKey]:
        rows = await self._pool.fetch(self._queries[query], *batch_key_columns(keys))
        return {BatchKey(*row) for row in rows}

    async def finish(self, keys: Sequence[BatchKey], connection: AnyConnection) -> set[BatchKey]:
        rows = await connection.fetch(self._queries["finish_batches"], *batch_key_columns(keys))
        return {BatchKey(*row) for row in rows}

    async def count_attempt(self, keys: Sequence[BatchKey], reason: str) -> None:
        await self._pool.execute(self._queries["count_attempt"], *batch_key_columns(keys), reason)

    async def mark_failed(self, keys: Sequence[BatchKey], reason: str) -> None:
        await self._pool.execute(self._queries["mark_failed"], *batch_key_columns(keys), reason)

    async def backlog(self) -> Backlog:
        row = await self._pool.fetchrow(self._queries["backlog"])
        assert row is not None
        return Backlog(row["batches"], row["bytes"], row["failed"], row["oldest_seconds"] or 0.0)

    async def schema_name(self, integration_id: int) -> str | None:
        name: str | None = await self._pool.fetchval(self._queries["schema_name"], integration_id)
        return name
