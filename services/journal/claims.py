"""How a loader takes batches from the journal: the one door that the loader uses.

A table is worked on by one loader at a time, under a lease that ends with its time or with the
holder's last connection, whichever is first. The lease only saves work: what keeps a batch from
being loaded twice is the destination's own transaction (design, promise 8). Losing a lease is
therefore never an error.
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

# Batches of one claim; with one record each that is a load of some 5 MB.
BATCHES_MAX = 5_000


def loader_application_name(holder: UUID) -> str:
    """What a loader's connections to the journal must call themselves (application_name).

    By it others see that the holder of a lease lives; without it the lease is worth nothing.
    """
    return f"pushgate loader {holder}"


class Claims:
    """One loader's view of the journal. ``holder`` names the loader in its leases."""

    def __init__(self, pool: Pool[Record], holder: UUID) -> None:
        self._pool = pool
        self._holder = holder
        self._queries = load_queries("services.journal")

    async def tables_with_work(self, after: TableKey, limit: int) -> list[TableKey]:
        """Tables nobody holds a lease on, in order, beginning behind ``after`` (not wrapping)."""
        rows = await self._pool.fetch(self._queries["tables_with_work"], *after, limit)
        return [TableKey(*row) for row in rows]

    async def take_lease(self, table: TableKey, lease_seconds: float) -> bool:
        """Takes or prolongs the lease; False when another loader has it."""
        row = await self._pool.fetchval(
            self._queries["take_lease"], *table, self._holder, lease_seconds
        )
        return row is not None

    async def release_leases(self, table: TableKey | None = None) -> None:
        """Gives back the lease of ``table``, or all of them."""
        key = (None, None) if table is None else tuple(table)
        await self._pool.execute(self._queries["release_leases"], self._holder, *key)

    async def batches(self, table: TableKey) -> list[Batch]:
        """The oldest batches that wait, in order of acceptance, at most BATCHES_MAX."""
        rows = await self._pool.fetch(self._queries["claim_batches"], *table, BATCHES_MAX)
        return [Batch(BatchKey(row["batch_id"], row["place"]), *tuple(row)[2:]) for row in rows]

    async def bodies(self, batches: Sequence[Batch]) -> dict[UUID, StoredBody]:
        """Without those that are no longer kept."""
        rows = await self._pool.fetch(
            self._queries["claimed_bodies"],
            [batch.key.batch_id for batch in batches],
            [batch.received_at for batch in batches],
        )
        return {row["batch_id"]: StoredBody(row["media_type"], row["body"]) for row in rows}

    async def still_pending(self, keys: Sequence[BatchKey]) -> set[BatchKey]:
        return await self._matching("still_pending", keys)

    async def listed(self, keys: Sequence[BatchKey]) -> set[BatchKey]:
        """Those the journal still holds, set aside or not."""
        return await self._matching("listed", keys)

    async def _matching(self, query: str, keys: Sequence[BatchKey]) -> set[BatchKey]:
        rows = await self._pool.fetch(self._queries[query], *batch_key_columns(keys))
        return {BatchKey(*row) for row in rows}

    async def finish(self, keys: Sequence[BatchKey], connection: AnyConnection) -> set[BatchKey]:
        """They are loaded: off the list, in the caller's transaction. Again changes nothing.

        Those that were on the list until now.
        """
        rows = await connection.fetch(self._queries["finish_batches"], *batch_key_columns(keys))
        return {BatchKey(*row) for row in rows}

    async def count_attempt(self, keys: Sequence[BatchKey], reason: str) -> None:
        await self._pool.execute(self._queries["count_attempt"], *batch_key_columns(keys), reason)

    async def mark_failed(self, keys: Sequence[BatchKey], reason: str) -> None:
        """Not claimed any more until somebody sends them again."""
        await self._pool.execute(self._queries["mark_failed"], *batch_key_columns(keys), reason)

    async def backlog(self) -> Backlog:
        row = await self._pool.fetchrow(self._queries["backlog"])
        assert row is not None
        return Backlog(row["batches"], row["bytes"], row["failed"], row["oldest_seconds"] or 0.0)

    async def schema_name(self, integration_id: int) -> str | None:
        """None: the integration is not there (any more)."""
        name: str | None = await self._pool.fetchval(self._queries["schema_name"], integration_id)
        return name
