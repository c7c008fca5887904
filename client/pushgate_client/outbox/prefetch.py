"""The head of an outbox's queue in memory, read from disk ahead of the delivery."""

from __future__ import annotations

import asyncio

from pushgate_client.entries import Taken
from pushgate_client.limits import (
    BODY_BYTES_MAX,
    IN_DELIVERY_BYTES_MAX,
    READY_QUEUE_BYTES,
    READY_QUEUE_ENTRIES,
)
from pushgate_client.outbox.capacity import ChangeSignal
from pushgate_client.outbox.disk_thread import DiskThread
from pushgate_client.outbox.ready_queue import QueuedEntry, ReadyQueue
from pushgate_client.outbox.store import Store


class Prefetch:
    """Holds the entries that are read, and knows which of them are in delivery."""

    def __init__(self, store: Store, disk: DiskThread, changes: ChangeSignal) -> None:
        self._store = store
        self._disk = disk
        self._changes = changes
        self._ready = ReadyQueue()
        self._in_delivery: dict[int, QueuedEntry] = {}
        self._reading: asyncio.Task[None] | None = None
        self._has_unread = True

    @property
    def oldest(self) -> int | None:
        """When the oldest entry in memory was created; None if none is in memory."""
        return self._ready.oldest

    def more_on_disk(self) -> None:
        """Entries were appended."""
        self._has_unread = True

    async def take(self) -> Taken | None:
        """The next entry that may be sent now, if there is one."""
        while True:
            await self._fill()
            queued = self._ready.take(self._room_to_take())
            if queued is None:
                return None
            id_ = queued.location.id
            self._in_delivery[id_] = queued
            try:
                entry = queued.entry or await self._disk(self._store.read, queued.location)
            except BaseException:
                self.release(id_)
                raise
            if entry is not None:
                return Taken(id_, entry)
            # It can't be read any more, and was counted as damaged.
            self.settle(id_)

    def release(self, id_: int) -> None:
        """It was not sent after all, and will be taken again."""
        del self._in_delivery[id_]
        self._ready.release(id_)
        self._changes.notify()

    def settle(self, id_: int) -> QueuedEntry:
        del self._in_delivery[id_]
        return self._ready.settle(id_)

    async def stop(self) -> None:
        if self._reading is not None:
            await asyncio.wait([self._reading])

    def _room_to_take(self) -> int:
        """In bytes. One body may always be taken, whatever its size."""
        taken = sum(queued.body_bytes for queued in self._in_delivery.values())
        return IN_DELIVERY_BYTES_MAX - taken if taken else BODY_BYTES_MAX

    async def _fill(self) -> None:
        # The reading goes on when the caller is cancelled: what it reads must reach the queue.
        while self._has_unread and self._needs_more():
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_next())
            await asyncio.shield(self._reading)

    def _needs_more(self) -> bool:
        half_empty = len(self._ready) <= READY_QUEUE_ENTRIES // 2
        return half_empty and self._ready.inline_bytes < READY_QUEUE_BYTES

    async def _read_next(self) -> None:
        # Cleared before the disk is read: an append meanwhile sets it again.
        self._has_unread = False
        room = READY_QUEUE_ENTRIES - len(self._ready)
        room_bytes = READY_QUEUE_BYTES - self._ready.inline_bytes
        found = await self._disk(self._store.read_next, room, room_bytes)
        for queued in found:
            self._ready.add(queued)
        self._has_unread = self._has_unread or bool(found)
