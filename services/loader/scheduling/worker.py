"""The loader's slots: each has a connection to the destination and loads table after table.

A destination that is away costs time only: batches wait, and the loader tries again with pauses
that grow to a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.journal.interfaces import LoaderJournal
from services.loader.catalog.catalog import Catalog, DestinationConnection
from services.loader.scheduling.prefetch import LoadLimits, SharedState
from services.loader.scheduling.table_loader import TableLoader
from services.loader.scheduling.table_queue import TableQueue
from services.loader.schema.identifiers import FieldNaming, field_name
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY, ConnectFunction
from services.runtime.logs import Log
from services.runtime.metrics import LOADER_DESTINATION_AWAY

# How long to wait when nothing was found. Found work is loaded at once.
IDLE_SECONDS = 0.1
# After the destination or the journal could not be reached; the last one repeats.
AWAY_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


class JournalUnreachable(Exception):
    """The journal broke off, not the destination. The text is the error's class."""


class Worker:
    def __init__(
        self,
        journal: Pool[Record],
        claims: LoaderJournal,
        connect: ConnectFunction,
        *,
        clock: Clock,
        limits: LoadLimits,
        slots: int,
        field_name: FieldNaming = field_name,
    ) -> None:
        self._journal = journal
        self._claims = claims
        self._connect = connect
        self._clock = clock
        self._slots = slots
        self._queue = TableQueue(claims, lease_seconds=limits.lease_seconds)
        self._shared = SharedState(limits, field_name)
        self._not_ready: str | None = None

    async def reason_not_ready(self) -> str | None:
        return self._not_ready

    async def run(self, ending: asyncio.Event) -> None:
        """Until told to end, and then to the end of the loads in hand; leases are handed back."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._slots):
                group.create_task(self._slot(ending))
        with contextlib.suppress(*AWAY):
            await self._claims.release_leases()

    async def _slot(self, ending: asyncio.Event) -> None:
        pauses = iter(AWAY_PAUSES_SECONDS)
        while not ending.is_set():
            try:
                async with self._destination() as destination:
                    await self._report_reachable()
                    pauses = iter(AWAY_PAUSES_SECONDS)
                    await self._load_tables(destination, ending)
            except JournalUnreachable as error:
                self._not_ready = f"the journal cannot be reached: {error}"
                Log().warning("journal.unreachable", error=str(error))
                await wait_for(ending, next(pauses, AWAY_PAUSES_SECONDS[-1]))
            except AWAY as error:
                name, seconds = type(error).__name__, next(pauses, AWAY_PAUSES_SECONDS[-1])
                Log().warning("destination.unreachable", error=name, retry_seconds=seconds)
                await self._report_unreachable(name)
                await wait_for(ending, seconds)

    @contextlib.asynccontextmanager
    async def _destination(self) -> AsyncIterator[DestinationConnection]:
        """A connection, once it is known that the destination can be used."""
        connection = await self._connect()
        try:
            await Catalog(connection).create_if_missing()
            yield connection
        except AWAY as error:
            if connection.is_closed():
                raise
            # Ours is whole, so the other database is the one that cannot be reached.
            raise JournalUnreachable(type(error).__name__) from error
        finally:
            connection.terminate()

    async def _report_reachable(self) -> None:
        self._not_ready = None
        LOADER_DESTINATION_AWAY.set(0)
        await self._record_state("record_destination_reachable")

    async def _report_unreachable(self, reason: str) -> None:
        self._not_ready = f"the destination cannot be reached: {reason}"
        LOADER_DESTINATION_AWAY.set(1)
        await self._record_state("record_destination_unreachable", self._clock.now(), reason)

    async def _record_state(self, query: str, *values: object) -> None:
        """For `pushgate status`. Loading does not depend on it."""
        with contextlib.suppress(*AWAY):
            await self._journal.execute(load_queries("services.loader")[query], *values)

    async def _load_tables(self, destination: DestinationConnection, ending: asyncio.Event) -> None:
        await self._delete_stale_markers(destination)
        turns = TableLoader(
            self._journal,
            self._claims,
            destination,
            self._shared,
            clock=self._clock,
        )
        while not ending.is_set():
            async with self._queue.next_table() as table:
                if table is not None:
                    await turns.load_table(table)
            if table is None:
                await self._delete_finished_markers(destination)
                await wait_for(ending, IDLE_SECONDS)
        await self._delete_finished_markers(destination)

    async def _delete_stale_markers(self, destination: DestinationConnection) -> None:
        """Marks that a loader left behind when it died between the journal and here."""
        books = Catalog(destination)
        marks = await books.all_markers()
        listed = await self._claims.listed(marks)
        await books.delete_markers([mark for mark in marks if mark not in listed])

    async def _delete_finished_markers(self, destination: DestinationConnection) -> None:
        finished, self._shared.finished_markers = self._shared.finished_markers, []
        if finished:
            await Catalog(destination).delete_markers(finished)
