"""Group commit of an outbox: appends that arrive together share one flush to disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

from pushgate_client.entries import Entry
from pushgate_client.errors import DiskFull
from pushgate_client.limits import DISK_LOOK_SECONDS, GROUP_BYTES_MAX, GROUP_ENTRIES_MAX
from pushgate_client.outbox.acks import Ack
from pushgate_client.outbox.capacity import Capacity, ChangeSignal
from pushgate_client.outbox.disk_thread import DiskThread
from pushgate_client.outbox.segment_log import EntryLocation
from pushgate_client.outbox.store import Store


class _Pending(NamedTuple):
    entry: Entry
    size: int
    durable: asyncio.Future[int]


class Writer:
    """``on_appended`` is called with each entry that is on disk, before its append returns."""

    def __init__(
        self,
        store: Store,
        disk: DiskThread,
        capacity: Capacity,
        changes: ChangeSignal,
        on_appended: Callable[[Entry], None],
    ) -> None:
        self._store = store
        self._disk = disk
        self._capacity = capacity
        self._changes = changes
        self._on_appended = on_appended
        self._pending: list[_Pending] = []
        self._acks: list[tuple[EntryLocation, Ack]] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """No append is under way."""
        return not self._pending

    async def append(self, entry: Entry, size: int) -> int:
        """Returns the entry's id once it is on disk. ``size``: what it takes there, in bytes."""
        await self._capacity.reserve(size, self.start)
        durable: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(entry, size, durable))
        self.start()
        id_ = await durable
        self._capacity.has_room()
        return id_

    def acknowledge(self, location: EntryLocation, ack: Ack) -> None:
        """Written soon, but not flushed: an entry that a crash brings back is sent again."""
        self._acks.append((location, ack))
        self.start()

    def start(self) -> None:
        """Writes what is pending, and deletes what is settled where room is needed."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
            self._writing.add_done_callback(self._fail_pending)

    async def finish(self) -> None:
        """Returns when nothing is left to write."""
        self.start()
        assert self._writing is not None, "it was started a line above"
        await self._writing

    async def wait_for_disk(self, error: OSError) -> None:
        """Frees what room it can and pauses; raises DiskFull where appends don't wait."""
        self._capacity.refuse_or_wait(error)
        with contextlib.suppress(OSError):
            await self._disk(self._store.delete_settled, make_room=True)
        await asyncio.sleep(DISK_LOOK_SECONDS)

    async def _write(self) -> None:
        while True:
            await self._write_acks()
            group = self._next_group()
            if not group and not self._acks:
                return
            if group:
                await self._write_group(group)

    async def _write_acks(self) -> None:
        acks = list(self._acks)
        if acks:
            await self._disk(self._store.settle, acks)
            del self._acks[: len(acks)]
        if acks or self._capacity.is_awaited:
            make_room = self._capacity.is_awaited
            with contextlib.suppress(OSError):
                if await self._disk(self._store.delete_settled, make_room=make_room):
                    self._capacity.has_room()
            self._changes.notify()

    def _next_group(self) -> list[_Pending]:
        group: list[_Pending] = []
        size = 0
        for pending in self._pending[:GROUP_ENTRIES_MAX]:
            size += pending.size
            if group and size > GROUP_BYTES_MAX:
                break
            group.append(pending)
        return group

    async def _write_group(self, group: list[_Pending]) -> None:
        try:
            locations = await self._disk(self._store.append, [each.entry for each in group])
        except OSError as error:
            try:
                await self.wait_for_disk(error)
            except DiskFull as full:
                self._capacity.refuse(full)
                self._fail(group, full)
            return
        self._capacity.disk_works()
        self._drop(group)
        for each, location in zip(group, locations, strict=True):
            self._on_appended(each.entry)
            if not each.durable.done():
                each.durable.set_result(location.id)
        self._changes.notify()

    def _fail_pending(self, writing: asyncio.Task[None]) -> None:
        """After an error that is a bug: no append may wait for a write that will not happen."""
        error = None if writing.cancelled() else writing.exception()
        if error is not None:
            self._fail(list(self._pending), error)

    def _fail(self, group: list[_Pending], error: BaseException) -> None:
        self._drop(group)
        for each in group:
            if not each.durable.done():
                each.durable.set_exception(error)

    def _drop(self, group: list[_Pending]) -> None:
        del self._pending[: len(group)]
        self._capacity.release(sum(each.size for each in group))
