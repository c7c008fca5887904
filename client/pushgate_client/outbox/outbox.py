"""The outbox: what is put in is on disk before anybody is told, and stays until it is settled."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pushgate_client.clock import ClientClock, ClientSystemClock
from pushgate_client.endings import run_to_completion
from pushgate_client.entries import Counts, Entry, SetAside, Taken
from pushgate_client.errors import DiskFull, OutboxFull
from pushgate_client.limits import (
    BODY_BYTES_MAX,
    COUNTS_SECONDS,
    DISK_LOOK_SECONDS,
    GROUP_BYTES_MAX,
    GROUP_ENTRIES_MAX,
    HEADER_BYTES_MAX,
    OUTBOX_BYTES_MAX,
    PENDING_BYTES_MAX,
    READY_QUEUE_BYTES,
    READY_QUEUE_ENTRIES,
    SEGMENT_BYTES_MAX,
    SEQUENCES_RESERVED,
    UNDER_WAY_BYTES_MAX,
)
from pushgate_client.outbox.acks import Ack
from pushgate_client.outbox.ready_queue import QueuedEntry, ReadyQueue
from pushgate_client.outbox.segment_log import EntryLocation
from pushgate_client.outbox.store import Store

Returned = TypeVar("Returned")
OnFull = Literal["wait", "raise"]
# What a frame takes beside its header and body, with the mark that settles it.
_FRAME_OVERHEAD_BYTES = 64
# What is added to the header of an entry that is set aside.
_EXTRA_HEADER_BYTES = 200_000


class _Pending(NamedTuple):
    entry: Entry
    size: int
    durable: asyncio.Future[int]


class Outbox:
    """Belongs to one event loop; ``async with Outbox.open(directory) as outbox``."""

    def __init__(
        self, store: Store, *, bytes_max: int, on_full: OnFull, clock: ClientClock
    ) -> None:
        self.bytes_max = bytes_max
        self._store = store
        self._on_full = on_full
        self._clock = clock
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="pushgate-outbox")
        self._ready = ReadyQueue()
        self._in_delivery: dict[int, QueuedEntry] = {}
        self._pending: list[_Pending] = []
        self._pending_bytes = 0
        self._acks: list[tuple[EntryLocation, Ack]] = []
        self._writing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._prefetching: asyncio.Task[None] | None = None
        self._closing = False
        self._counting: asyncio.Task[None] | None = None
        # What waits on disk; the store subtracts what turns out to be unreadable.
        self._waiting = self._waiting_records = 0
        self._sent = self._sent_records = 0
        self._waiting_for_room = 0
        self._disk_full: DiskFull | None = None
        # The last append that was told so, where nobody waits; None once there is room again.
        self._turned_away: OutboxFull | DiskFull | None = None
        self._has_unread = True
        self._held_reason: str | None = None
        self._last_sequence = self._reserved = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        directory: str | Path,
        *,
        bytes_max: int = OUTBOX_BYTES_MAX,
        on_full: OnFull = "wait",
        said: Callable[[str], None] = lambda _: None,
        clock: ClientClock | None = None,
    ) -> AsyncIterator[Outbox]:
        """Raises OutboxLocked while another process has it. ``said`` hears what had to be mended.

        ``on_full``: with ``wait`` an append waits for room, with ``raise`` it raises OutboxFull
        or DiskFull. Nothing is ever dropped to make room.
        """
        store = Store(
            Path(directory),
            segment_bytes_max=max(1, min(SEGMENT_BYTES_MAX, bytes_max // 8)),
            on_warning=said,
        )
        outbox = cls(
            store, bytes_max=bytes_max, on_full=on_full, clock=clock or ClientSystemClock()
        )
        await outbox._start()
        try:
            yield outbox
        finally:
            await run_to_completion(outbox._stop())

    # --- putting in ----------------------------------------------------------------------------

    async def append(self, entry: Entry) -> int:
        """Returns the entry's id once it is on disk; those who append at once share one flush."""
        size = _checked_size(entry)
        await self._room(size)
        kept: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(entry, size, kept))
        self._pending_bytes += size
        self._start_writing()
        id_ = await kept
        self._turned_away = None
        return id_

    async def next_sequences(self, count: int) -> int:
        """The first of so many: greater than all before, whatever the clock or a crash does."""
        first = max(self._last_sequence + 1, self._clock.nanoseconds())
        self._last_sequence = first + count - 1
        while self._last_sequence > self._reserved:
            reserved = self._last_sequence + SEQUENCES_RESERVED
            await self._reserve(reserved)
            self._reserved = max(self._reserved, reserved)
        return first

    # --- taking out ----------------------------------------------------------------------------

    async def take(self) -> Taken:
        """Waits for an entry that may be sent now: oldest first in each table."""
        while True:
            change = self._changed
            await self._prefetch()
            waiting = self._ready.take(self._room_to_take())
            if waiting is None:
                await change.wait()
                continue
            place = waiting.location
            self._in_delivery[place.id] = waiting
            try:
                entry = waiting.entry or await self._on_disk(self._store.read, place)
            except BaseException:
                self.release(place.id)
                raise
            if entry is not None:
                return Taken(place.id, entry)
            del self._in_delivery[place.id]
            self._ready.settle(place.id)

    def release(self, id_: int) -> None:
        """It was not sent after all, and will be taken again."""
        del self._in_delivery[id_]
        self._ready.release(id_)
        self._notify()

    def done(self, id_: int, *, set_aside: int = 0) -> None:
        """Settled: all of its records are in, but for those that were set aside one by one."""
        waiting = self._in_delivery.pop(id_)
        self._ready.settle(id_)
        sent = max(0, waiting.records - set_aside)
        self._waiting -= 1
        self._waiting_records -= waiting.records
        self._sent += sent > 0
        self._sent_records += sent
        self._acks.append((waiting.location, Ack(id_, waiting.records, sent)))
        self._start_writing()
        self._notify()

    async def set_aside(
        self, id_: int, entry: Entry, *, status: int, reason: str, place: int = 0
    ) -> None:
        """Keeps ``entry``, which is the whole of what was taken or a part of it, for a person.

        ``place``: of its first record in what was taken, from 0; a part that comes again after a
        crash is known by it, and kept once.
        Call ``done`` with the number of its records that were set aside once nothing is left.
        """
        while True:
            try:
                await self._on_disk(self._store.set_aside, entry, id_, status, reason, place=place)
            except OSError as error:
                self._disk_full = self._disk_full_error(error)
                await asyncio.sleep(DISK_LOOK_SECONDS)
            else:
                self._disk_full = None
                return

    # --- looking -------------------------------------------------------------------------------

    def counts(self) -> Counts:
        queue, aside, tally = self._store.queue, self._store.aside, self._store.tally
        segments = list(queue.segments.values())
        waiting = self._waiting - self._store.lost
        records = self._waiting_records - self._store.lost_records
        oldest = self._ready.oldest
        if oldest is None:
            # Nobody takes anything: no entry is older than the first of its segment.
            oldest = min((s.oldest for s in segments if s.waiting and s.oldest), default=None)
        age = None if oldest is None else max(0.0, (self._clock.nanoseconds() - oldest) / 1e9)
        return Counts(
            waiting=waiting,
            waiting_records=records,
            sent=self._sent,
            sent_records=self._sent_records,
            held=waiting if self._held_reason else 0,
            held_records=records if self._held_reason else 0,
            set_aside=sum(s.waiting for s in aside.segments.values()),
            set_aside_records=sum(s.waiting_records for s in aside.segments.values()),
            oldest_seconds=age if waiting else None,
            bytes=self.bytes_held,
            bytes_max=self.bytes_max,
            damaged=tally["damaged"],
            why=self._held_reason or (str(self._disk_full) if self._disk_full else None),
        )

    @property
    def bytes_held(self) -> int:
        store = self._store
        return store.queue.bytes_on_disk + store.aside.bytes_on_disk + self._pending_bytes

    @property
    def full(self) -> str | None:
        """Why appends wait now, or are turned away, and what helps; None when none is."""
        if self._disk_full is not None or self._turned_away is not None:
            return str(self._disk_full or self._turned_away)
        return str(OutboxFull(self.bytes_held, self.bytes_max)) if self._waiting_for_room else None

    def set_held(self, why: str | None) -> None:
        """Sending is held up, or, with None, goes on: for the counts."""
        self._held_reason = why

    async def emptied(self) -> None:
        """Returns when nothing waits."""
        while True:
            change = self._changed
            if not self.counts().waiting and not self._pending:
                return
            await change.wait()

    # --- what was set aside --------------------------------------------------------------------

    async def set_aside_entries(self, *, after: int = 0, most: int = 100) -> list[SetAside]:
        """In the order of their ids, those above ``after``, with bodies: few at a time."""
        return await self._on_disk(self._store.set_aside_entries, after, most)

    async def requeue(self, ids: set[int]) -> int:
        """Back to the end of the queue, to be sent as they are; returns how many there were.

        On a full disk as many as fit; raises DiskFull when none does.
        """
        try:
            entries, records = await self._on_disk(
                self._store.take_from_aside, ids, back_to_queue=True
            )
        except OSError as error:
            raise self._disk_full_error(error) from error
        self._waiting += entries
        self._waiting_records += records
        self._has_unread = True
        self._notify()
        return entries

    async def discard(self, ids: set[int]) -> int:
        """Nobody wants them any more; returns how many there were."""
        entries, _ = await self._on_disk(self._store.take_from_aside, ids, back_to_queue=False)
        return entries

    # --- the disk's thread ---------------------------------------------------------------------

    async def _start(self) -> None:
        try:
            await self._on_disk(self._store.open)
            self._last_sequence = self._reserved = await self._on_disk(self._store.last_sequence)
        except BaseException:
            # Whoever was cancelled did not stop the thread: it may have been opened all the same.
            await run_to_completion(self._on_disk(self._store.close))
            self._disk.shutdown(wait=False)
            raise
        segments, tally = self._store.queue.segments.values(), self._store.tally
        self._waiting = sum(each.waiting for each in segments)
        self._waiting_records = sum(each.waiting_records for each in segments)
        self._sent = tally["sent"] + sum(each.sent for each in segments)
        self._sent_records = tally["sent_records"] + sum(each.sent_records for each in segments)
        self._counting = asyncio.create_task(self._write_counts_periodically())

    async def _stop(self) -> None:
        self._closing = True
        assert self._counting is not None, "it was started"
        self._counting.cancel()
        if self._prefetching is not None:
            await asyncio.wait([self._prefetching])
        self._start_writing()
        assert self._writing is not None, "it was started a line above"
        await self._writing
        with contextlib.suppress(OSError):
            await self._on_disk(self._store.write_last_sequence, self._last_sequence)
            await self._write_counts()
        await self._on_disk(self._store.close)
        self._disk.shutdown(wait=False)

    async def _on_disk(
        self, work: Callable[..., Returned], *arguments: Any, **named: Any
    ) -> Returned:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, functools.partial(work, *arguments, **named))

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _room(self, size: int) -> None:
        """Waits until so much may be added, or raises OutboxFull."""
        if size > self.bytes_max:
            raise OutboxFull(self.bytes_held, self.bytes_max)
        while True:
            change = self._changed
            fits = self.bytes_held + size <= self.bytes_max
            if fits and (not self._pending or self._pending_bytes + size <= PENDING_BYTES_MAX):
                return
            if not fits and self._on_full == "raise":
                self._turned_away = OutboxFull(self.bytes_held, self.bytes_max)
                raise self._turned_away
            self._waiting_for_room += not fits
            self._start_writing()
            try:
                await change.wait()
            finally:
                self._waiting_for_room -= not fits

    async def _reserve(self, sequence: int) -> None:
        while True:
            try:
                await self._on_disk(self._store.write_last_sequence, sequence)
            except OSError as error:
                await self._wait_or_raise(error)
            else:
                self._disk_full = None
                return

    def _room_to_take(self) -> int:
        """One body always goes, whatever its size."""
        taken = sum(waiting.body_bytes for waiting in self._in_delivery.values())
        return UNDER_WAY_BYTES_MAX - taken if taken else BODY_BYTES_MAX

    async def _prefetch(self) -> None:
        """Whoever asks may be cancelled, and what is read then must still get into the window."""
        while self._has_unread and self._ready_has_room():
            if self._prefetching is None or self._prefetching.done():
                self._prefetching = asyncio.create_task(self._read_next())
            await asyncio.shield(self._prefetching)

    def _ready_has_room(self) -> bool:
        half_empty = len(self._ready) <= READY_QUEUE_ENTRIES // 2
        return half_empty and self._ready.inline_bytes < READY_QUEUE_BYTES

    async def _read_next(self) -> None:
        # Before the disk is asked: what is appended meanwhile says so again.
        self._has_unread = False
        room = READY_QUEUE_ENTRIES - len(self._ready)
        room_bytes = READY_QUEUE_BYTES - self._ready.inline_bytes
        found = await self._on_disk(self._store.read_next, room, room_bytes)
        for waiting in found:
            self._ready.add(waiting)
        self._has_unread = self._has_unread or bool(found)

    def _start_writing(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
            self._writing.add_done_callback(self._fail_pending)

    def _fail_pending(self, writing: asyncio.Task[None]) -> None:
        """A fault of ours: nobody may wait for ever for what it was about to write."""
        error = None if writing.cancelled() else writing.exception()
        if error is not None:
            for each in self._pending:
                if not each.durable.done():
                    each.durable.set_exception(error)
            self._drop_pending(list(self._pending))

    async def _write(self) -> None:
        """Until there is nothing to write: groups of entries, and marks of those that are done."""
        while True:
            await self._settle()
            group = self._next_group()
            if not group and not self._acks:
                return
            if group:
                await self._append(group)

    async def _settle(self) -> None:
        marks = list(self._acks)
        if marks:
            await self._on_disk(self._store.settle, marks)
            del self._acks[: len(marks)]
        if marks or self._waiting_for_room:
            make_room = self._waiting_for_room > 0
            with contextlib.suppress(OSError):
                if await self._on_disk(self._store.delete_settled, make_room=make_room):
                    self._turned_away = None
            self._notify()

    def _next_group(self) -> list[_Pending]:
        group: list[_Pending] = []
        size = 0
        for pending in self._pending[:GROUP_ENTRIES_MAX]:
            size += pending.size
            if group and size > GROUP_BYTES_MAX:
                break
            group.append(pending)
        return group

    async def _append(self, group: list[_Pending]) -> None:
        try:
            places = await self._on_disk(self._store.append, [each.entry for each in group])
        except OSError as error:
            try:
                await self._wait_or_raise(error)
            except DiskFull as full:
                self._turned_away = full
                self._drop_pending(group)
                for each in group:
                    if not each.durable.done():
                        each.durable.set_exception(full)
            return
        self._disk_full = None
        self._drop_pending(group)
        for each, place in zip(group, places, strict=True):
            self._waiting += 1
            self._waiting_records += each.entry.records
            if not each.durable.done():
                each.durable.set_result(place.id)
        self._has_unread = True
        self._notify()

    def _drop_pending(self, group: list[_Pending]) -> None:
        del self._pending[: len(group)]
        self._pending_bytes -= sum(each.size for each in group)

    async def _wait_or_raise(self, error: OSError) -> None:
        """Raises DiskFull, unless whoever appends would rather wait for room on the disk."""
        full = self._disk_full_error(error)
        if self._on_full == "raise" or self._closing:
            raise full from error
        self._disk_full = full
        with contextlib.suppress(OSError):
            await self._on_disk(self._store.delete_settled, make_room=True)
        await asyncio.sleep(DISK_LOOK_SECONDS)

    def _disk_full_error(self, error: OSError) -> DiskFull:
        return DiskFull(self._store.directory, error.strerror or str(error))

    async def _write_counts_periodically(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self._write_counts()
            await asyncio.sleep(COUNTS_SECONDS)

    async def _write_counts(self) -> None:
        await self._on_disk(self._store.write_counts, asdict(self.counts()))


def _checked_size(entry: Entry) -> int:
    """What it takes on disk. Raises ValueError for what could never be sent or read again."""
    if len(entry.body) > BODY_BYTES_MAX:
        raise ValueError(f"a body of {len(entry.body):,} bytes: {BODY_BYTES_MAX:,} is the most")
    header = len(entry.header(0))
    if header > HEADER_BYTES_MAX - _EXTRA_HEADER_BYTES:
        raise ValueError(f"names of tables take {header:,} bytes: {HEADER_BYTES_MAX:,} is the most")
    return len(entry.body) + header + _FRAME_OVERHEAD_BYTES
