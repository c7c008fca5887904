"""A log of segments in a directory: appended to at the end, deleted from the beginning.

All calls block; use it from one thread at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pushgate_client.entries import Entry
from pushgate_client.limits import IDLE_SEGMENT_BYTES, SEGMENT_ENTRIES_MAX
from pushgate_client.outbox.acks import Ack
from pushgate_client.outbox.files import flush_directory, make_directory
from pushgate_client.outbox.frames import Frame, frame_of, read_frame
from pushgate_client.outbox.segments import Segment, load_segment, segment_ids

_PARTS_MAX = 512  # of one write; every system allows more


class NewEntry(NamedTuple):
    """``extra``: members for the header, in addition to those of the entry."""

    entry: Entry
    extra: dict[str, Any]


class EntryLocation(NamedTuple):
    """Where an entry is: the first id of its segment, the offset in it, and its own id."""

    segment: int
    offset: int
    id: int


class SegmentLog:
    """``on_warning`` is called with a sentence for each repair."""

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes_max: int,
        on_warning: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.directory = directory
        self.segments: dict[int, Segment] = {}
        self._segment_bytes_max = segment_bytes_max
        self._on_warning = on_warning
        self._file = -1

    def open(self) -> None:
        """Cuts off what the last process left incomplete at the end."""
        make_directory(self.directory)
        for first_id in segment_ids(self.directory):
            self.segments[first_id] = load_segment(self.directory, first_id)
        if not self.segments:
            self.segments[1] = Segment(self.directory, 1)
        self._cut_torn_tail(self.active)
        self._file = os.open(self.active.path, os.O_WRONLY | os.O_CREAT, 0o600)
        flush_directory(self.directory)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def active(self) -> Segment:
        """The segment that is appended to."""
        return self.segments[max(self.segments)]

    @property
    def bytes_on_disk(self) -> int:
        return sum(segment.bytes_on_disk for segment in self.segments.values())

    def append(self, new_entries: Sequence[NewEntry]) -> list[EntryLocation]:
        """On disk when it returns. Raises OSError, and then none of them is stored."""
        if self._is_large(self.active):
            self.rotate()
        segment = self.active
        at, parts, locations, sizes = segment.size, [], [], []
        for id_, (entry, more) in enumerate(new_entries, start=segment.last_id + 1):
            frame = frame_of(entry.header(id_, **more), entry.body)
            locations.append(EntryLocation(segment.first_id, at, id_))
            sizes.append(sum(map(len, frame)))
            at += sizes[-1]
            parts += frame
        self._write(parts, segment.size)
        for (entry, _), place, size in zip(new_entries, locations, sizes, strict=True):
            segment.add(place.id, records=entry.records, created=entry.created, size=size)
        return locations

    def settle(self, segment_id: int, acks: list[Ack]) -> None:
        self.segments[segment_id].write_acks(acks)

    def read(self, location: EntryLocation) -> Frame:
        """Raises LookupError if it can't be read."""
        segment = self.segments.get(location.segment)
        if segment is not None:
            with segment.path.open("rb") as file:
                frame = read_frame(file, location.offset)
            if frame is not None and frame.header["id"] == location.id:
                return frame
        raise LookupError(f"entry {location.id} can't be read")

    def settled_segments(self, *, make_room: bool) -> list[Segment]:
        """Those with only settled entries; with ``make_room`` also the active one."""
        active = self.active
        if (
            active.entries
            and not active.waiting
            and (make_room or active.size > IDLE_SEGMENT_BYTES)
        ):
            self.rotate()
        return [
            segment
            for segment in self.segments.values()
            if segment is not self.active and not segment.waiting
        ]

    def delete(self, segment: Segment) -> None:
        segment.delete()
        del self.segments[segment.first_id]

    def rotate(self) -> None:
        """Starts a new segment. Its name preserves the next id, whatever is deleted."""
        old = self.active
        new = Segment(self.directory, old.last_id + 1, last_id=old.last_id)
        if new.first_id == old.first_id:
            return
        descriptor = os.open(new.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            flush_directory(self.directory)
            old.seal()
        except OSError:
            os.close(descriptor)
            new.delete()
            raise
        os.close(self._file)
        self._file = descriptor
        self.segments[new.first_id] = new

    def _is_large(self, segment: Segment) -> bool:
        return segment.size >= self._segment_bytes_max or segment.entries >= SEGMENT_ENTRIES_MAX

    def _write(self, parts: list[bytes], offset: int) -> None:
        try:
            at = offset
            for first in range(0, len(parts), _PARTS_MAX):
                at += _write_all(self._file, parts[first : first + _PARTS_MAX], at)
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, offset)
            raise

    def _cut_torn_tail(self, segment: Segment) -> None:
        whole = segment.size - segment.torn
        if not segment.torn:
            return
        self._on_warning(
            f"{segment.path}: the last {segment.torn:,} bytes were incomplete when the process or"
            " the machine stopped. They were never acknowledged and are cut off."
        )
        with segment.path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
        segment.size, segment.torn = whole, 0


def _write_all(file: int, parts: list[bytes], offset: int) -> int:
    """A disk that fills up writes a part; writing the rest then raises the reason."""
    size = sum(map(len, parts))
    written = os.pwritev(file, parts, offset)
    if written < size:
        rest = memoryview(b"".join(parts))
        while written < size:
            written += os.pwrite(file, rest[written:], offset + written)
    return size
