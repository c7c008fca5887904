"""Sealing: a Merkle root over the texts of receipts is appended to the log as a fact."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from asyncpg import Pool, Record

from events.merkle import Frontier, leaf_hash
from events.sql_files import load_queries
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY
from services.runtime.logs import Log
from services.runtime.metrics import HISTORY_SEALED_RECEIPT

UNSEALED_MAX = timedelta(hours=1)
CHECK_SECONDS = 60.0
# A longer backlog is sealed in several facts, so that each can be verified in little memory.
SEAL_RECEIPTS_MAX = 1_000_000
# Some ten milliseconds of processor time, so that no push waits long for it.
PAGE_RECEIPTS = 1_000
# After a full page it sleeps three times as long as that took: at most a quarter of a processor.
# Ten million receipts a day are still sealed within the first minute or two of each hour.
REST_FACTOR = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """``number``: the fact's number in the log."""

    first: int
    last: int
    count: int
    root: str
    number: int


class Sealer:
    def __init__(self, pool: Pool[Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._lock = asyncio.Lock()

    async def run(self, stopping: asyncio.Event) -> None:
        """Seals whenever a receipt has been unsealed for an hour, until ``stopping`` is set."""
        while not stopping.is_set():
            try:
                await self._last_sealed()
                if await self._due():
                    await self.seal()
            except AWAY as error:
                Log().warning("seal.postponed", reason=repr(error))
            except asyncpg.PostgresError as error:
                # Another history process was faster, or the log is halted or busy.
                Log().warning("seal.postponed", reason=str(error))
            await wait_for(stopping, CHECK_SECONDS)

    async def _last_sealed(self) -> int:
        sealed: int | None = await self._pool.fetchval(
            load_queries("services.history")["last_seal"]
        )
        HISTORY_SEALED_RECEIPT.set(sealed or 0)
        return sealed or 0

    async def _due(self) -> bool:
        oldest: datetime | None = await self._pool.fetchval(
            load_queries("services.history")["oldest_unsealed"]
        )
        return oldest is not None and self._clock.now() - oldest >= UNSEALED_MAX

    async def seal(self) -> list[Seal]:
        """Seals every receipt accepted before this call; returns [] when all are sealed already."""
        async with self._lock:
            upper = await self._upper_bound()
            seals = []
            while (seal := await self._seal_next(upper)) is not None:
                seals.append(seal)
            return seals

    async def _upper_bound(self) -> int:
        """The number up to which all receipts are visible and none can appear later.

        Every group commit of ingest holds the lock in shared mode from before its first insert to
        its commit. The second statement has a newer snapshot than the wait for the lock.
        """
        queries = load_queries("services.history")
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(queries["limit_lock_wait"])
            await connection.execute(queries["wait_for_groups"])
            upper: int = await connection.fetchval(queries["last_receipt"])
        return upper

    async def _seal_next(self, upper: int) -> Seal | None:
        queries = load_queries("services.history")
        sealed_until = await self._last_sealed()
        tree, last = await self._tree_over(sealed_until, upper)
        if tree.size == 0:
            return None
        first, root = sealed_until + 1, tree.root().hex()
        number = await self._pool.fetchval(queries["seal"], first, last, tree.size, root)
        seal = Seal(first=first, last=last, count=tree.size, root=root, number=number)
        HISTORY_SEALED_RECEIPT.set(last)
        Log().info("receipts.sealed", first=first, last=last, count=tree.size, number=number)
        return seal

    async def _tree_over(self, after: int, upper: int) -> tuple[Frontier, int]:
        query = load_queries("services.history")["receipts_page"]
        tree = Frontier()
        while tree.size < SEAL_RECEIPTS_MAX:
            began = self._clock.monotonic()
            rows = await self._pool.fetch(query, after, upper, PAGE_RECEIPTS)
            if not rows:
                break
            await asyncio.to_thread(_add, tree, [row["text"] for row in rows])
            after = rows[-1]["number"]
            if len(rows) == PAGE_RECEIPTS:
                # Pushes take precedence.
                await asyncio.sleep(REST_FACTOR * (self._clock.monotonic() - began))
        return tree, after


def _add(tree: Frontier, texts: list[str]) -> None:
    tree.extend(leaf_hash(text.encode()) for text in texts)
