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

from pushgate_client.clock import Clock, SystemClock
from pushgate_client.endings import to_its_end
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
    SEGMENT_BYTES_MAX,
    SEQUENCES_RESERVED,
    UNDER_WAY_BYTES_MAX,
    WINDOW_BYTES,
    WINDOW_ENTRIES,
)
from pushgate_client.outbox.acks import Mark
from pushgate_client.outbox.ready_queue import Waiting, Window
from pushgate_client.outbox.segment_log import Place
from pushgate_client.outbox.store import Store

Result = TypeVar("Result")
OnFull = Literal["wait", "raise"]
# What a frame takes beside its header and body, with the mark that settles it.
_AROUND_BYTES = 64
# What is added to the header of an entry that is set aside.
_ROOM_FOR_MORE_BYTES = 200_000


class _Pending(NamedTuple):
    entry: Entry
    size: int
    kept: asyncio.Future[int]


class Outbox:
    """Belongs to one event loop; ``async with Outbox.open(directory) as outbox``."""

    def __init__(self, store: Store, *, bytes_max: int, on_full: OnFull, clock: Clock) -> None:
        self.bytes_max = bytes_max
        self._store = store
        self._on_full = on_full
        self._clock = clock
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="pushgate-outbox")
        self._window = Window()
        self._taken: dict[int, Waiting] = {}
        self._pending: list[_Pending] = []
        self._pending_bytes = 0
        self._marks: list[tuple[Place, Mark]] = []
        self._writing: asyncio.Task[None] | None = None
        self._change = asyncio.Event()
        self._filling: asyncio.Task[None] | None = None
        self._closing = False
        self._counting: asyncio.Task[None] | None = None
        # What waits on disk; the store subtracts what turns out to be unreadable.
        self._waiting = self._waiting_records = 0
        self._sent = self._sent_records = 0
        self._waiting_for_room = 0
        self._disk_full: DiskFull | None = None
        # The last append that was told so, where nobody waits; None once there is room again.
        self._turned_away: OutboxFull | DiskFull | None = None
        self._more_to_read = True
        self._held: str | None = None
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
        clock: Clock | None = None,
    ) -> AsyncIterator[Outbox]:
        """Raises OutboxLocked while another process has it. ``said`` hears what had to be mended.

        ``on_full``: with ``wait`` an append waits for room, with ``raise`` it raises OutboxFull
        or DiskFull. Nothing is ever dropped to make room.
        """
        store = Store(
            Path(directory),
            segment_bytes_max=max(1, min(SEGMENT_BYTES_MAX, bytes_max // 8)),
            said=said,
        )
        outbox = cls(store, bytes_max=bytes_max, on_full=on_full, clock=clock or SystemClock())
        await outbox._start()
        try:
            yield outbox
        finally:
            await to_its_end(outbox._stop())

    # --- putting in ----------------------------------------------------------------------------

    async def append(self, entry: Entry) -> int:
        """Returns the entry's id once it is on disk; those who append at once share one flush."""
        size = _checked_size(entry)
        await self._room(size)
        kept: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(entry, size, kept))
        self._pending_bytes += size
        self._write_soon()
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
            change = self._change
            await self._fill()
            waiting = self._window.take(self._room_to_take())
            if waiting is None:
                await change.wait()
                continue
            place = waiting.place
            self._taken[place.id] = waiting
            try:
                entry = waiting.entry or await self._do(self._store.read, place)
            except BaseException:
                self.give_back(place.id)
                raise
            if entry is not None:
                return Taken(place.id, entry)
            del self._taken[place.id]
            self._window.settle(place.id)

    def give_back(self, id_: int) -> None:
        """It was not sent after all, and will be taken again."""
        del self._taken[id_]
        self._window.give_back(id_)
        self._tell()

    def done(self, id_: int, *, set_aside: int = 0) -> None:
        """Settled: all of its records are in, but for those that were set aside one by one."""
        waiting = self._taken.pop(id_)
        self._window.settle(id_)
        sent = max(0, waiting.records - set_aside)
        self._waiting -= 1
        self._waiting_records -= waiting.records
        self._sent += sent > 0
        self._sent_records += sent
        self._marks.append((waiting.place, Mark(id_, waiting.records, sent)))
        self._write_soon()
        self._tell()

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
                await self._do(self._store.set_aside, entry, id_, status, reason, place=place)
            except OSError as error:
                self._disk_full = self._full_of(error)
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
        oldest = self._window.oldest
        if oldest is None:
            # Nobody takes anything: no entry is older than the first of its segment.
            oldest = min((s.oldest for s in segments if s.waiting and s.oldest), default=None)
        age = None if oldest is None else max(0.0, (self._clock.nanoseconds() - oldest) / 1e9)
        return Counts(
            waiting=waiting,
            waiting_records=records,
            sent=self._sent,
            sent_records=self._sent_records,
            held=waiting if self._held else 0,
            held_records=records if self._held else 0,
            set_aside=sum(s.waiting for s in aside.segments.values()),
            set_aside_records=sum(s.waiting_records for s in aside.segments.values()),
            oldest_seconds=age if waiting else None,
            bytes=self.bytes_held,
            bytes_max=self.bytes_max,
            damaged=tally["damaged"],
            why=self._held or (str(self._disk_full) if self._disk_full else None),
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

    def say_held(self, why: str | None) -> None:
        """Sending is held up, or, with None, goes on: for the counts."""
        self._held = why

    async def emptied(self) -> None:
        """Returns when nothing waits."""
        while True:
            change = self._change
            if not self.counts().waiting and not self._pending:
                return
            await change.wait()

    # --- what was set aside --------------------------------------------------------------------

    async def set_aside_entries(self, *, after: int = 0, most: int = 100) -> list[SetAside]:
        """In the order of their ids, those above ``after``, with bodies: few at a time."""
        return await self._do(self._store.set_aside_entries, after, most)

    async def requeue(self, ids: set[int]) -> int:
        """Back to the end of the queue, to be sent as they are; returns how many there were.

        On a full disk as many as fit; raises DiskFull when none does.
        """
        try:
            entries, records = await self._do(self._store.take_from_aside, ids, back_to_queue=True)
        except OSError as error:
            raise self._full_of(error) from error
        self._waiting += entries
        self._waiting_records += records
        self._more_to_read = True
        self._tell()
        return entries

    async def discard(self, ids: set[int]) -> int:
        """Nobody wants them any more; returns how many there were."""
        entries, _ = await self._do(self._store.take_from_aside, ids, back_to_queue=False)
        return entries

    # --- the disk's thread ---------------------------------------------------------------------

    async def _start(self) -> None:
        try:
            await self._do(self._store.open)
            self._last_sequence = self._reserved = await self._do(self._store.last_sequence)
        except BaseException:
            # Whoever was cancelled did not stop the thread: it may have been opened all the same.
            await to_its_end(self._do(self._store.close))
            self._disk.shutdown(wait=False)
            raise
        segments, tally = self._store.queue.segments.values(), self._store.tally
        self._waiting = sum(each.waiting for each in segments)
        self._waiting_records = sum(each.waiting_records for each in segments)
        self._sent = tally["sent"] + sum(each.sent for each in segments)
        self._sent_records = tally["sent_records"] + sum(each.sent_records for each in segments)
        self._counting = asyncio.create_task(self._write_counts_now_and_then())

    async def _stop(self) -> None:
        self._closing = True
        assert self._counting is not None, "it was started"
        self._counting.cancel()
        if self._filling is not None:
            await asyncio.wait([self._filling])
        self._write_soon()
        assert self._writing is not None, "it was started a line above"
        await self._writing
        with contextlib.suppress(OSError):
            await self._do(self._store.write_last_sequence, self._last_sequence)
            await self._write_counts()
        await self._do(self._store.close)
        self._disk.shutdown(wait=False)

    async def _do(self, work: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, functools.partial(work, *arguments, **named))

    def _tell(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    async def _room(self, size: int) -> None:
        """Waits until so much may be added, or raises OutboxFull."""
        if size > self.bytes_max:
            raise OutboxFull(self.bytes_held, self.bytes_max)
        while True:
            change = self._change
            fits = self.bytes_held + size <= self.bytes_max
            if fits and (not self._pending or self._pending_bytes + size <= PENDING_BYTES_MAX):
                return
            if not fits and self._on_full == "raise":
                self._turned_away = OutboxFull(self.bytes_held, self.bytes_max)
                raise self._turned_away
            self._waiting_for_room += not fits
            self._write_soon()
            try:
                await change.wait()
            finally:
                self._waiting_for_room -= not fits

    async def _reserve(self, sequence: int) -> None:
        while True:
            try:
                await self._do(self._store.write_last_sequence, sequence)
            except OSError as error:
                await self._rest_or_raise(error)
            else:
                self._disk_full = None
                return

    def _room_to_take(self) -> int:
        """One body always goes, whatever its size."""
        taken = sum(waiting.body_bytes for waiting in self._taken.values())
        return UNDER_WAY_BYTES_MAX - taken if taken else BODY_BYTES_MAX

    async def _fill(self) -> None:
        """Whoever asks may be cancelled, and what is read then must still get into the window."""
        while self._more_to_read and self._window_has_room():
            if self._filling is None or self._filling.done():
                self._filling = asyncio.create_task(self._read_on())
            await asyncio.shield(self._filling)

    def _window_has_room(self) -> bool:
        half_empty = len(self._window) <= WINDOW_ENTRIES // 2
        return half_empty and self._window.inline_bytes < WINDOW_BYTES

    async def _read_on(self) -> None:
        # Before the disk is asked: what is appended meanwhile says so again.
        self._more_to_read = False
        room = WINDOW_ENTRIES - len(self._window)
        room_bytes = WINDOW_BYTES - self._window.inline_bytes
        found = await self._do(self._store.read_on, room, room_bytes)
        for waiting in found:
            self._window.add(waiting)
        self._more_to_read = self._more_to_read or bool(found)

    def _write_soon(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
            self._writing.add_done_callback(self._fail_who_waits)

    def _fail_who_waits(self, writing: asyncio.Task[None]) -> None:
        """A fault of ours: nobody may wait for ever for what it was about to write."""
        error = None if writing.cancelled() else writing.exception()
        if error is not None:
            for each in self._pending:
                if not each.kept.done():
                    each.kept.set_exception(error)
            self._leave(list(self._pending))

    async def _write(self) -> None:
        """Until there is nothing to write: groups of entries, and marks of those that are done."""
        while True:
            await self._settle()
            group = self._next_group()
            if not group and not self._marks:
                return
            if group:
                await self._append(group)

    async def _settle(self) -> None:
        marks = list(self._marks)
        if marks:
            await self._do(self._store.settle, marks)
            del self._marks[: len(marks)]
        if marks or self._waiting_for_room:
            make_room = self._waiting_for_room > 0
            with contextlib.suppress(OSError):
                if await self._do(self._store.forget_settled, make_room=make_room):
                    self._turned_away = None
            self._tell()

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
            places = await self._do(self._store.append, [each.entry for each in group])
        except OSError as error:
            try:
                await self._rest_or_raise(error)
            except DiskFull as full:
                self._turned_away = full
                self._leave(group)
                for each in group:
                    if not each.kept.done():
                        each.kept.set_exception(full)
            return
        self._disk_full = None
        self._leave(group)
        for each, place in zip(group, places, strict=True):
            self._waiting += 1
            self._waiting_records += each.entry.records
            if not each.kept.done():
                each.kept.set_result(place.id)
        self._more_to_read = True
        self._tell()

    def _leave(self, group: list[_Pending]) -> None:
        del self._pending[: len(group)]
        self._pending_bytes -= sum(each.size for each in group)

    async def _rest_or_raise(self, error: OSError) -> None:
        """Raises DiskFull, unless whoever appends would rather wait for room on the disk."""
        full = self._full_of(error)
        if self._on_full == "raise" or self._closing:
            raise full from error
        self._disk_full = full
        with contextlib.suppress(OSError):
            await self._do(self._store.forget_settled, make_room=True)
        await asyncio.sleep(DISK_LOOK_SECONDS)

    def _full_of(self, error: OSError) -> DiskFull:
        return DiskFull(self._store.directory, error.strerror or str(error))

    async def _write_counts_now_and_then(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self._write_counts()
            await asyncio.sleep(COUNTS_SECONDS)

    async def _write_counts(self) -> None:
        await self._do(self._store.write_counts, asdict(self.counts()))


def _checked_size(entry: Entry) -> int:
    """What it takes on disk. Raises ValueError for what could never be sent or read again."""
    if len(entry.body) > BODY_BYTES_MAX:
        raise ValueError(f"a body of {len(entry.body):,} bytes: {BODY_BYTES_MAX:,} is the most")
    header = len(entry.header(0))
    if header > HEADER_BYTES_MAX - _ROOM_FOR_MORE_BYTES:
        raise ValueError(f"names of tables take {header:,} bytes: {HEADER_BYTES_MAX:,} is the most")
    return len(entry.body) + header + _AROUND_BYTES
