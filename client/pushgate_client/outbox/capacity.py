"""Backpressure of an outbox: whether there is room, who waits for it, and why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from pushgate_client.errors import DiskFull, OutboxFull
from pushgate_client.limits import PENDING_BYTES_MAX
from pushgate_client.outbox.store import Store

OnFull = Literal["wait", "raise"]


class ChangeSignal:
    """Wakes everyone who waits for a change. Take the event before looking at what may change."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Set at the next change."""
        return self._event

    def notify(self) -> None:
        self._event.set()
        self._event = asyncio.Event()


class Capacity:
    """Counts the bytes on disk and those that are about to be written."""

    def __init__(
        self, store: Store, changes: ChangeSignal, *, bytes_max: int, on_full: OnFull
    ) -> None:
        self.bytes_max = bytes_max
        self._store = store
        self._changes = changes
        self._raises = on_full == "raise"
        self._closing = False
        self._pending_bytes = 0
        self._waiters = 0
        self._disk_full: DiskFull | None = None
        # The last append that was refused while appends don't wait; None once there is room again.
        self._refused: OutboxFull | DiskFull | None = None

    @property
    def bytes_used(self) -> int:
        store = self._store
        return store.queue.bytes_on_disk + store.aside.bytes_on_disk + self._pending_bytes

    @property
    def is_awaited(self) -> bool:
        """Whether an append waits for room."""
        return self._waiters > 0

    @property
    def disk_full(self) -> str | None:
        return None if self._disk_full is None else str(self._disk_full)

    @property
    def full(self) -> str | None:
        """Why appends wait or are refused now, and what helps; None while there is room."""
        if self._disk_full is not None or self._refused is not None:
            return str(self._disk_full or self._refused)
        return str(self._outbox_full()) if self._waiters else None

    async def reserve(self, size: int, make_room: Callable[[], None]) -> None:
        """Waits until ``size`` bytes may be added, or raises OutboxFull.

        ``make_room`` starts what frees room or writes what is pending.
        """
        if size > self.bytes_max:
            raise self._outbox_full()
        while True:
            change = self._changes.next()
            fits = self.bytes_used + size <= self.bytes_max
            if fits and (
                not self._pending_bytes or self._pending_bytes + size <= PENDING_BYTES_MAX
            ):
                self._pending_bytes += size
                return
            if not fits and self._raises:
                self._refused = self._outbox_full()
                raise self._refused
            self._waiters += not fits
            make_room()
            try:
                await change.wait()
            finally:
                self._waiters -= not fits

    def release(self, size: int) -> None:
        """These bytes are on disk, where they count from now on, or will not be written."""
        self._pending_bytes -= size

    def has_room(self) -> None:
        """An append has succeeded, or room was freed: nothing is refused any more."""
        self._refused = None

    def disk_works(self) -> None:
        self._disk_full = None

    def disk_fails(self, error: OSError) -> None:
        """Reported until ``disk_works``."""
        self._disk_full = self.disk_full_error(error)

    def refuse_or_wait(self, error: OSError) -> None:
        """As ``disk_fails``; raises DiskFull instead if appends don't wait for the disk."""
        if self._raises or self._closing:
            raise self.disk_full_error(error) from error
        self.disk_fails(error)

    def refuse(self, full: DiskFull) -> None:
        """An append failed with this."""
        self._refused = full

    def stop_waiting(self) -> None:
        """The outbox closes: from now on nothing waits for a full disk."""
        self._closing = True

    def disk_full_error(self, error: OSError) -> DiskFull:
        return DiskFull(self._store.directory, error.strerror or str(error))

    def _outbox_full(self) -> OutboxFull:
        return OutboxFull(self.bytes_used, self.bytes_max)
