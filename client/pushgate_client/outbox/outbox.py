"""The outbox: a durable queue of requests in a directory, which keeps each until it is settled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pushgate_client.clock import ClientClock, ClientSystemClock
from pushgate_client.completion import run_to_completion
from pushgate_client.entries import Counts, Entry, SetAside, Taken
from pushgate_client.limits import (
    BODY_BYTES_MAX,
    COUNTS_SECONDS,
    DISK_LOOK_SECONDS,
    HEADER_BYTES_MAX,
    OUTBOX_BYTES_MAX,
    SEGMENT_BYTES_MAX,
    SEQUENCES_RESERVED,
)
from pushgate_client.outbox.acks import Ack
from pushgate_client.outbox.capacity import Capacity, ChangeSignal, OnFull
from pushgate_client.outbox.disk_thread import DiskThread
from pushgate_client.outbox.prefetch import Prefetch
from pushgate_client.outbox.store import Store
from pushgate_client.outbox.writer import Writer
from pushgate_client.sequences import Sequences

# What a frame takes in addition to its header and body, with the acknowledgement that settles it.
_FRAME_OVERHEAD_BYTES = 64
# What is added to the header of an entry that is set aside.
_EXTRA_HEADER_BYTES = 200_000


@dataclass
class _Totals:
    """The store counts separately what waits and turns out to be unreadable."""

    waiting: int = 0
    waiting_records: int = 0
    sent: int = 0
    sent_records: int = 0


class Outbox:
    """``async with Outbox.open(directory) as outbox``. Use it in one event loop only."""

    def __init__(
        self, store: Store, *, bytes_max: int, on_full: OnFull, clock: ClientClock
    ) -> None:
        self._store = store
        self._clock = clock
        self._disk = DiskThread()
        self._changes = ChangeSignal()
        self._capacity = Capacity(store, self._changes, bytes_max=bytes_max, on_full=on_full)
        self._writer = Writer(store, self._disk, self._capacity, self._changes, self._appended)
        self._prefetch = Prefetch(store, self._disk, self._changes)
        self._totals = _Totals()
        self._sequences = Sequences(clock)
        self._sequence_reserved = 0
        self._hold_reason: str | None = None
        self._counting: asyncio.Task[None] | None = None

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
        """Raises OutboxLocked while another process has it open, OutboxUnusable if it can't be.

        ``on_full``: with ``wait`` an append waits for room, with ``raise`` it raises OutboxFull
        or DiskFull. Nothing is ever dropped to make room. ``said`` is called with a sentence for
        each repair of the directory.
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

    # --- appending -----------------------------------------------------------------------------

    async def append(self, entry: Entry) -> int:
        """Returns the entry's id once it is on disk; concurrent appends share one flush.

        Raises ValueError for an entry that could never be sent, OutboxFull for one that could never
        fit, and what ``on_full`` asks for.
        """
        return await self._writer.append(entry, _checked_size(entry))

    async def next_sequences(self, count: int) -> int:
        """The first of ``count`` sequences in a row, each greater than all before.

        That holds across processes, whatever the clock or a crash does.
        """
        first = self._sequences.take(count)
        while self._sequences.last > self._sequence_reserved:
            reserved = self._sequences.last + SEQUENCES_RESERVED
            await self._write_reserved(reserved)
            self._sequence_reserved = max(self._sequence_reserved, reserved)
        return first

    # --- taking --------------------------------------------------------------------------------

    async def take(self) -> Taken:
        """Waits for an entry that may be sent now: the oldest first in each table.

        Call ``done`` or ``release`` with its id afterwards.
        """
        while True:
            change = self._changes.next()
            taken = await self._prefetch.take()
            if taken is not None:
                return taken
            await change.wait()

    def release(self, id_: int) -> None:
        """The entry was not sent after all, and will be taken again."""
        self._prefetch.release(id_)

    def done(self, id_: int, *, set_aside: int = 0) -> None:
        """The entry is settled: its records are stored, except for ``set_aside`` of them."""
        queued = self._prefetch.settle(id_)
        sent = max(0, queued.records - set_aside)
        self._totals.waiting -= 1
        self._totals.waiting_records -= queued.records
        self._totals.sent += sent > 0
        self._totals.sent_records += sent
        self._writer.acknowledge(queued.location, Ack(id_, queued.records, sent))
        self._changes.notify()

    async def set_aside(
        self, id_: int, entry: Entry, *, status: int, reason: str, place: int = 0
    ) -> None:
        """Keeps ``entry``, the entry ``id_`` or a part of it, for a person to look at.

        ``place``: of its first record in the entry ``id_``, from 0. A part that comes again after
        a crash is recognised by it and kept once. Call ``done`` afterwards, with the number of
        records that were set aside. Waits while the disk is full.
        """
        while True:
            try:
                await self._disk(self._store.set_aside, entry, id_, status, reason, place=place)
            except OSError as error:
                self._capacity.disk_fails(error)
                await asyncio.sleep(DISK_LOOK_SECONDS)
            else:
                self._capacity.disk_works()
                return

    # --- looking -------------------------------------------------------------------------------

    def counts(self) -> Counts:
        queue, aside, tally = self._store.queue, self._store.aside, self._store.tally
        segments = list(queue.segments.values())
        waiting = self._totals.waiting - self._store.lost
        records = self._totals.waiting_records - self._store.lost_records
        oldest = self._prefetch.oldest
        if oldest is None:
            # Nothing was taken yet: no entry is older than the first of its segment.
            oldest = min((s.oldest for s in segments if s.waiting and s.oldest), default=None)
        age = None if oldest is None else max(0.0, (self._clock.nanoseconds() - oldest) / 1e9)
        return Counts(
            waiting=waiting,
            waiting_records=records,
            sent=self._totals.sent,
            sent_records=self._totals.sent_records,
            held=waiting if self._hold_reason else 0,
            held_records=records if self._hold_reason else 0,
            set_aside=sum(s.waiting for s in aside.segments.values()),
            set_aside_records=sum(s.waiting_records for s in aside.segments.values()),
            oldest_seconds=age if waiting else None,
            bytes=self._capacity.bytes_used,
            bytes_max=self._capacity.bytes_max,
            damaged=tally["damaged"],
            why=self._hold_reason or self._capacity.disk_full,
        )

    @property
    def full(self) -> str | None:
        """Why appends wait or are refused now, and what helps; None while there is room."""
        return self._capacity.full

    def set_hold(self, why: str | None) -> None:
        """Why nothing is sent now, for the counts; None once sending goes on."""
        self._hold_reason = why

    async def emptied(self) -> None:
        """Returns when nothing waits."""
        while True:
            change = self._changes.next()
            if not self.counts().waiting and self._writer.is_idle:
                return
            await change.wait()

    # --- entries that were set aside -----------------------------------------------------------

    async def set_aside_entries(self, *, after: int = 0, most: int = 100) -> list[SetAside]:
        """Those with an id above ``after``, in ascending order and with bodies: few at a time."""
        return await self._disk(self._store.set_aside_entries, after, most)

    async def requeue(self, ids: set[int]) -> int:
        """Moves them to the end of the queue, unchanged; returns how many there were.

        On a full disk as many as fit are moved; raises DiskFull if none does.
        """
        try:
            entries, records = await self._disk(
                self._store.take_from_aside, ids, back_to_queue=True
            )
        except OSError as error:
            raise self._capacity.disk_full_error(error) from error
        self._totals.waiting += entries
        self._totals.waiting_records += records
        self._prefetch.more_on_disk()
        self._changes.notify()
        return entries

    async def discard(self, ids: set[int]) -> int:
        """Deletes them; returns how many there were."""
        entries, _ = await self._disk(self._store.take_from_aside, ids, back_to_queue=False)
        return entries

    # --- opening and closing -------------------------------------------------------------------

    async def _start(self) -> None:
        try:
            await self._disk(self._store.open)
            last = await self._disk(self._store.last_sequence)
        except BaseException:
            # A cancelled caller did not stop the thread, which may have opened it all the same.
            await run_to_completion(self._disk(self._store.close))
            self._disk.stop()
            raise
        self._sequences.last = self._sequence_reserved = last
        segments, tally = self._store.queue.segments.values(), self._store.tally
        self._totals = _Totals(
            waiting=sum(each.waiting for each in segments),
            waiting_records=sum(each.waiting_records for each in segments),
            sent=tally["sent"] + sum(each.sent for each in segments),
            sent_records=tally["sent_records"] + sum(each.sent_records for each in segments),
        )
        self._counting = asyncio.create_task(self._write_counts_periodically())

    async def _stop(self) -> None:
        self._capacity.stop_waiting()
        assert self._counting is not None, "it was started"
        self._counting.cancel()
        await self._prefetch.stop()
        await self._writer.finish()
        with contextlib.suppress(OSError):
            await self._disk(self._store.write_last_sequence, self._sequences.last)
            await self._write_counts()
        await self._disk(self._store.close)
        self._disk.stop()

    def _appended(self, entry: Entry) -> None:
        self._totals.waiting += 1
        self._totals.waiting_records += entry.records
        self._prefetch.more_on_disk()

    async def _write_reserved(self, sequence: int) -> None:
        while True:
            try:
                await self._disk(self._store.write_last_sequence, sequence)
            except OSError as error:
                await self._writer.wait_for_disk(error)
            else:
                self._capacity.disk_works()
                return

    async def _write_counts_periodically(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self._write_counts()
            await asyncio.sleep(COUNTS_SECONDS)

    async def _write_counts(self) -> None:
        await self._disk(self._store.write_counts, asdict(self.counts()))


def _checked_size(entry: Entry) -> int:
    """What it takes on disk, in bytes. Raises ValueError for what could never be sent or read."""
    if len(entry.body) > BODY_BYTES_MAX:
        raise ValueError(f"a body has at most {BODY_BYTES_MAX:,} bytes, got {len(entry.body):,}")
    header, header_max = len(entry.header(0)), HEADER_BYTES_MAX - _EXTRA_HEADER_BYTES
    if header > header_max:
        raise ValueError(f"table names take at most {header_max:,} bytes, got {header:,}")
    return len(entry.body) + header + _FRAME_OVERHEAD_BYTES
