"""The loader's slots: each has a connection to the destination and loads table after table.

An unreachable destination costs only time: batches stay pending, and the loader tries again with
growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.journal.interfaces import LoaderJournal
from services.loader.catalog.catalog import Catalog
from services.loader.catalog.connection import DestinationConnection
from services.loader.scheduling.shared_state import LoadLimits, SharedState
from services.loader.scheduling.table_loader import TableLoader
from services.loader.scheduling.table_queue import TableQueue
from services.loader.schema.identifiers import FieldNaming, field_name
from services.runtime.backoff import Backoff
from services.runtime.clock import Clock, wait_for
from services.runtime.database import AWAY, ConnectFunction
from services.runtime.logs import Log
from services.runtime.metrics import LOADER_DESTINATION_AWAY

# The pause after no table with work was found; otherwise the next one is loaded immediately.
IDLE_SECONDS = 0.1
# Pauses while the destination or the journal cannot be reached.
RECONNECT_SECONDS_MIN = 0.2
RECONNECT_SECONDS_MAX = 20.0


class JournalUnreachable(Exception):
    """The journal, not the destination, cannot be reached. The text is the error's class."""


class Worker:
    def __init__(
        self,
        database: Pool[Record],
        journal: LoaderJournal,
        connect: ConnectFunction,
        *,
        clock: Clock,
        limits: LoadLimits,
        slots: int,
        field_name: FieldNaming = field_name,
    ) -> None:
        self._database = database
        self._journal = journal
        self._connect = connect
        self._clock = clock
        self._slots = slots
        self._queue = TableQueue(journal, lease_seconds=limits.lease_seconds)
        self._shared = SharedState(limits, field_name)
        self._not_ready: str | None = None

    async def reason_not_ready(self) -> str | None:
        return self._not_ready

    async def run(self, ending: asyncio.Event) -> None:
        """Until ``ending`` is set: finishes the loads in progress and releases all leases."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._slots):
                group.create_task(self._slot(ending))
        with contextlib.suppress(*AWAY):
            await self._journal.release_leases()

    async def _slot(self, ending: asyncio.Event) -> None:
        backoff = Backoff(min_seconds=RECONNECT_SECONDS_MIN, max_seconds=RECONNECT_SECONDS_MAX)
        while not ending.is_set():
            try:
                async with self._destination() as destination:
                    await self._report_reachable()
                    backoff.reset()
                    await self._load_tables(destination, ending)
            except JournalUnreachable as error:
                self._not_ready = f"the journal cannot be reached: {error}"
                Log().warning("journal.unreachable", error=str(error))
                await backoff.wait(ending)
            except AWAY as error:
                name, seconds = type(error).__name__, backoff.next_seconds()
                Log().warning("destination.unreachable", error=name, retry_seconds=seconds)
                await self._report_unreachable(name)
                await wait_for(ending, seconds)

    @contextlib.asynccontextmanager
    async def _destination(self) -> AsyncIterator[DestinationConnection]:
        """A connection to the destination, in which the loader's catalog exists."""
        connection = await self._connect()
        destination = DestinationConnection(connection, self._shared.throttle)
        try:
            await Catalog(destination).create_if_missing()
            yield destination
        except AWAY as error:
            if connection.is_closed():
                raise
            # This connection works, so the error is from the other database.
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
            await self._database.execute(load_queries("services.loader")[query], *values)

    async def _load_tables(self, destination: DestinationConnection, ending: asyncio.Event) -> None:
        await self._delete_stale_markers(destination)
        loader = TableLoader(
            self._database, self._journal, destination, self._shared, clock=self._clock
        )
        while not ending.is_set():
            async with self._queue.next_table() as table:
                if table is not None:
                    await loader.load_table(table)
            if table is None:
                await self._delete_finished_markers(destination)
                await wait_for(ending, IDLE_SECONDS)
        await self._delete_finished_markers(destination)

    async def _delete_stale_markers(self, destination: DestinationConnection) -> None:
        """Loaded markers left by a loader that died after their batches had left the journal."""
        catalog = Catalog(destination)
        markers = await catalog.all_markers()
        listed = await self._journal.listed(markers)
        await catalog.delete_markers([key for key in markers if key not in listed])

    async def _delete_finished_markers(self, destination: DestinationConnection) -> None:
        finished, self._shared.finished_markers = self._shared.finished_markers, []
        if finished:
            await Catalog(destination).delete_markers(finished)
