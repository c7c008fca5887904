"""The queue of tables with pending batches: which table a loader works on next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.journal.batches import BEFORE_FIRST_TABLE, TableKey
from services.journal.interfaces import LoaderJournal

# Tables that one query fetches from the journal.
TABLES_MAX = 64


class TableQueue:
    """Round robin over all tables with pending batches, so that no table can starve another.

    Shared by the slots of one process; between processes the leases decide.
    """

    def __init__(self, journal: LoaderJournal, *, lease_seconds: float) -> None:
        self._journal = journal
        self._lease_seconds = lease_seconds
        self._lock = asyncio.Lock()
        self._candidates: list[TableKey] = []
        self._last = BEFORE_FIRST_TABLE
        self._in_progress: set[TableKey] = set()

    @asynccontextmanager
    async def next_table(self) -> AsyncIterator[TableKey | None]:
        """A table with pending batches, leased to this loader and in no other slot, or None."""
        async with self._lock:
            table = await self._lease_next()
        try:
            yield table
        finally:
            if table is not None:
                self._in_progress.discard(table)

    async def _lease_next(self) -> TableKey | None:
        if not self._candidates:
            self._candidates = await self._fetch_candidates()
        while self._candidates:
            table = self._candidates.pop(0)
            self._last = table
            if table in self._in_progress:
                continue
            if await self._journal.take_lease(table, self._lease_seconds):
                self._in_progress.add(table)
                return table
        return None

    async def _fetch_candidates(self) -> list[TableKey]:
        tables = await self._journal.tables_with_work(self._last, TABLES_MAX)
        if tables or self._last == BEFORE_FIRST_TABLE:
            return tables
        self._last = BEFORE_FIRST_TABLE
        return await self._journal.tables_with_work(BEFORE_FIRST_TABLE, TABLES_MAX)
