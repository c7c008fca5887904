"""The files of an outbox. All calls block; use it from one thread at a time.

``queue/``: entries that wait to be sent. ``aside/``: entries that the gate refused permanently,
each with its answer. ``sequences``: the greatest that may have been used. ``tally``: totals of
segments that are deleted. ``counts``: the state, for other processes. ``damaged/``: bytes that
can't be read.
"""

from __future__ import annotations

import contextlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pushgate_client.entries import Entry, SetAside, entry_of, sequences_of
from pushgate_client.errors import OutboxUnusable
from pushgate_client.limits import (
    GROUP_BYTES_MAX,
    GROUP_ENTRIES_MAX,
    IDLE_SEGMENT_BYTES,
    INLINE_BODY_BYTES,
    LIVE_PART_MIN,
    READY_QUEUE_BYTES,
    READY_QUEUE_ENTRIES,
    RECENT_SET_ASIDE,
)
from pushgate_client.outbox.acks import Ack
from pushgate_client.outbox.files import flush_directory, make_directory, read_small, write_whole
from pushgate_client.outbox.frames import Damage, Frame
from pushgate_client.outbox.lock import DirectoryLock
from pushgate_client.outbox.ready_queue import QueuedEntry
from pushgate_client.outbox.segment_log import EntryLocation, NewEntry, SegmentLog
from pushgate_client.outbox.segments import Segment

UNTALLIED: dict[str, Any] = {"sent": 0, "sent_records": 0, "damaged": 0, "forgotten": []}


class Store:
    def __init__(
        self, directory: Path, *, segment_bytes_max: int, on_warning: Callable[[str], None]
    ) -> None:
        self.directory = directory
        self._on_warning = on_warning
        self._lock = DirectoryLock(directory)
        self.queue = SegmentLog(
            directory / "queue", segment_bytes_max=segment_bytes_max, on_warning=on_warning
        )
        self.aside = SegmentLog(
            directory / "aside", segment_bytes_max=segment_bytes_max, on_warning=on_warning
        )
        self.tally: dict[str, Any] = dict(UNTALLIED)
        # Entries and records that waited and turned out to be unreadable since it was opened.
        self.lost = self.lost_records = 0
        self._next_read: tuple[int, int] = (0, 0)
        self._settled_ids: tuple[int, set[int]] = (0, set())
        self._recent: dict[_Key, None] = {}

    def open(self) -> None:
        """Raises OutboxLocked and OutboxUnusable."""
        try:
            self._open()
        except OSError as error:
            self.close()
            raise OutboxUnusable(self.directory, error.strerror or str(error)) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        make_directory(self.directory)
        self._lock.acquire()
        self._read_tally()
        for log in (self.queue, self.aside):
            log.open()
        flush_directory(self.directory)
        flush_directory(self.directory.absolute().parent)
        self._delete_tallied_segments()
        for segment in [*self.queue.segments.values(), *self.aside.segments.values()]:
            if segment.damaged:
                self._repair(segment)
        self._remember_recent()
        self.lost = self.lost_records = 0

    def close(self) -> None:
        self.queue.close()
        self.aside.close()
        self._lock.release()

    # --- the queue ---------------------------------------------------------------------------

    def append(self, entries: Iterable[Entry]) -> list[EntryLocation]:
        """On disk when it returns. Raises OSError, and then none of them is stored."""
        return self.queue.append([NewEntry(entry, {}) for entry in entries])

    def read_next(
        self, room: int = READY_QUEUE_ENTRIES, room_bytes: int = READY_QUEUE_BYTES
    ) -> list[QueuedEntry]:
        """The next unsettled entries of the queue, each once, in their order."""
        found: list[QueuedEntry] = []
        for segment_id in sorted(self.queue.segments):
            at, offset = self._next_read
            if segment_id < at:
                continue
            offset = offset if segment_id == at else 0
            segment = self.queue.segments[segment_id]
            if self._settled_ids[0] != segment_id:
                self._settled_ids = (segment_id, segment.settled())
            for frame in segment.frames(offset, bodies_max=INLINE_BODY_BYTES):
                self._next_read = (segment_id, frame.end)
                if isinstance(frame, Damage):
                    self._repair(segment)
                    continue
                if frame.header["id"] in self._settled_ids[1]:
                    continue
                waiting = _queued_entry(segment_id, frame)
                found.append(waiting)
                room_bytes -= waiting.body_bytes if waiting.entry is not None else 0
                if len(found) >= room or room_bytes <= 0:
                    return found
        return found

    def read(self, location: EntryLocation) -> Entry | None:
        """None if it can't be read any more: then it was counted as damaged."""
        try:
            frame = self.queue.read(location)
        except LookupError:
            self._repair(self.queue.segments[location.segment])
            return None
        return entry_of(frame.header, frame.whole_body)

    def settle(self, settled: list[tuple[EntryLocation, Ack]]) -> None:
        by_segment: dict[int, list[Ack]] = defaultdict(list)
        for place, mark in settled:
            by_segment[place.segment].append(mark)
        for segment_id, marks in by_segment.items():
            self.queue.settle(segment_id, marks)

    def delete_settled(self, *, make_room: bool) -> bool:
        """Deletes segments with only settled entries; returns whether there were any."""
        gone = self.queue.settled_segments(make_room=make_room)
        for segment in gone:
            self.tally["sent"] += segment.sent
            self.tally["sent_records"] += segment.sent_records
        if gone:
            self.tally["forgotten"] = [segment.first_id for segment in gone]
            # A full disk can't be written, and deleting is what helps.
            with contextlib.suppress(OSError):
                self._write_tally()
        for segment in gone:
            self.queue.delete(segment)
        return bool(gone)

    # --- entries set aside ------------------------------------------------------------------

    def set_aside(
        self, entry: Entry, from_id: int, status: int, reason: str, *, place: int = 0
    ) -> None:
        """On disk when it returns. A part that comes again after a crash is not stored twice."""
        key = _Key(from_id, place, entry.records, zlib.crc32(entry.body))
        if key in self._recent:
            return
        more = {"from": from_id, "place": place, "status": status, "reason": reason}
        self.aside.append([NewEntry(entry, more)])
        self._recent[key] = None
        if len(self._recent) > RECENT_SET_ASIDE:
            del self._recent[next(iter(self._recent))]

    def set_aside_entries(self, after: int, most: int) -> list[SetAside]:
        """Those with an id above ``after``, in ascending order."""
        found: list[SetAside] = []
        for segment_id in sorted(self.aside.segments):
            for frame in _unsettled_frames(self.aside.segments[segment_id]):
                if frame.header["id"] > after:
                    found.append(set_aside_of(frame))
                if len(found) == most:
                    return found
        return found

    def take_from_aside(self, ids: set[int], *, back_to_queue: bool) -> tuple[int, int]:
        """Moves them to the end of the queue, or deletes them. Returns how many, and their records.

        On a full disk as many as fit are moved; raises OSError if none does.
        """
        entries = records = 0
        try:
            for some in self._moved_from_aside(ids, back_to_queue=back_to_queue):
                entries += len(some)
                records += sum(frame.header["records"] for frame in some)
        except OSError:
            if not entries:
                raise
        # Compaction needs room of its own, and can wait until there is some.
        with contextlib.suppress(OSError):
            self._compact_aside()
        return entries, records

    def _moved_from_aside(self, ids: set[int], *, back_to_queue: bool) -> Iterator[list[Frame]]:
        for segment in list(self.aside.segments.values()):
            for some in _flush_groups(_unsettled_frames(segment, ids)):
                if back_to_queue:
                    self.append(entry_of(frame.header, frame.whole_body) for frame in some)
                self.aside.settle(segment.first_id, [_discarded_ack(frame) for frame in some])
                for frame in some:
                    self._recent.pop(_key(frame), None)
                yield some

    def _compact_aside(self) -> None:
        """Rewrites at the end what is left of mostly settled segments, which then are deleted."""
        for segment in list(self.aside.segments.values()):
            few = segment.waiting < segment.entries * LIVE_PART_MIN
            if not few or segment is self.aside.active or segment.size < IDLE_SEGMENT_BYTES:
                continue
            for some in _flush_groups(_unsettled_frames(segment)):
                self.aside.append([_copy_of(frame) for frame in some])
                self.aside.settle(segment.first_id, [_discarded_ack(frame) for frame in some])
        for segment in self.aside.settled_segments(make_room=True):
            self.aside.delete(segment)

    # --- the small files ---------------------------------------------------------------------

    def last_sequence(self) -> int:
        """0 if it is unknown: then the clock alone decides."""
        return int(self._small_file("sequences", {"last": 0})["last"])

    def write_last_sequence(self, last: int) -> None:
        write_whole(self.directory / "sequences", orjson.dumps({"last": last}))

    def write_counts(self, counts: dict[str, Any]) -> None:
        """Not flushed: it only informs other processes."""
        write_whole(self.directory / "counts", orjson.dumps(counts), flush=False)

    def _write_tally(self) -> None:
        write_whole(self.directory / "tally", orjson.dumps(self.tally))

    def _read_tally(self) -> None:
        self.tally = self._small_file("tally", self.tally)

    def _small_file(self, name: str, unwritten: dict[str, Any]) -> dict[str, Any]:
        """Starts again from ``unwritten`` if the file is damaged: no record depends on it."""
        path = self.directory / name
        found = read_small(path, unwritten)
        if found is None:
            self._on_warning(f"{path} is damaged on disk and starts again.")
        return unwritten if found is None else found

    def _delete_tallied_segments(self) -> None:
        """Those that a crash left between counting their entries and deleting them."""
        for segment in list(self.queue.segments.values()):
            if segment.first_id in self.tally["forgotten"]:
                self.queue.delete(segment)

    def _remember_recent(self) -> None:
        for segment_id in sorted(self.aside.segments)[-2:]:
            for frame in _whole_frames(self.aside.segments[segment_id], 0):
                self._recent[_key(frame)] = None
        for key in list(self._recent)[:-RECENT_SET_ASIDE]:
            del self._recent[key]

    def _repair(self, segment: Segment) -> None:
        """Counts what can be read, and copies what can't to ``damaged/``."""
        waiting, records = segment.waiting, segment.waiting_records
        damages = segment.recount()
        if segment.directory == self.queue.directory:
            self.lost += waiting - segment.waiting
            self.lost_records += records - segment.waiting_records
        segment.reseal()
        directory = self.directory / "damaged"
        make_directory(directory)
        for damage in damages:
            name = f"{segment.directory.name}-{segment.first_id}-{damage.offset}"
            if (directory / name).exists():
                continue
            # On a full disk the bytes stay where they are, as long as the rest of the segment does.
            with segment.path.open("rb") as file, contextlib.suppress(OSError):
                file.seek(damage.offset)
                write_whole(directory / name, file.read(damage.end - damage.offset))
            self.tally["damaged"] += 1
            self._on_warning(
                f"{segment.path}: {damage.end - damage.offset:,} bytes are damaged on disk. They"
                f" are kept in {directory / name}; all other entries are sent."
            )
        with contextlib.suppress(OSError):
            self._write_tally()


def _whole_frames(segment: Segment, offset: int) -> Iterable[Frame]:
    return (found for found in segment.frames(offset) if not isinstance(found, Damage))


def _queued_entry(segment_id: int, frame: Frame) -> QueuedEntry:
    header = frame.header
    return QueuedEntry(
        location=EntryLocation(segment_id, frame.offset, header["id"]),
        tables=tuple(header["tables"]),
        in_order=header["in_order"],
        sequences=sequences_of(header),
        records=header["records"],
        created=header["created"],
        body_bytes=frame.body_bytes,
        entry=None if frame.body is None else entry_of(header, frame.body),
    )


def set_aside_of(frame: Frame) -> SetAside:
    header = frame.header
    return SetAside(
        id=header["id"],
        from_id=header["from"],
        entry=entry_of(header, frame.whole_body),
        status=header["status"],
        reason=header["reason"],
    )


def _discarded_ack(frame: Frame) -> Ack:
    return Ack(frame.header["id"], frame.header["records"], 0)


class _Key(NamedTuple):
    """Recognises a part that comes again. Two refused records may be equal; their places differ."""

    from_id: int
    place: int
    records: int
    crc32: int


def _key(frame: Frame) -> _Key:
    header = frame.header
    return _Key(header["from"], _place(header), header["records"], zlib.crc32(frame.whole_body))


def _place(header: dict[str, Any]) -> int:
    """0 also in entries that older versions wrote."""
    return int(header.get("place", 0))


def _copy_of(frame: Frame) -> NewEntry:
    more = {name: frame.header[name] for name in ("from", "status", "reason")}
    more["place"] = _place(frame.header)
    return NewEntry(entry_of(frame.header, frame.whole_body), more)


def _unsettled_frames(segment: Segment, ids: set[int] | None = None) -> Iterator[Frame]:
    """Those with these ids, or all."""
    if not segment.waiting or (ids is not None and segment.last_id < min(ids, default=0)):
        return
    settled = segment.settled()
    for frame in _whole_frames(segment, 0):
        id_ = frame.header["id"]
        if id_ not in settled and (ids is None or id_ in ids):
            yield frame


def _flush_groups(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """As many at a time as share one flush."""
    group: list[Frame] = []
    size = 0
    for frame in frames:
        group.append(frame)
        size += frame.body_bytes
        if len(group) == GROUP_ENTRIES_MAX or size > GROUP_BYTES_MAX:
            yield group
            group, size = [], 0
    if group:
        yield group
