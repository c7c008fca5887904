"""One segment: a file of frames, its acknowledgements, and the totals of both."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from pushgate_client.limits import BODY_BYTES_MAX
from pushgate_client.outbox.acks import Ack, pack_acks, read_acks, whole_acks_bytes
from pushgate_client.outbox.files import delete, write_whole
from pushgate_client.outbox.frames import Damage, Frame, read_frames

ENTRIES_SUFFIX, ACKS_SUFFIX, TOTALS_SUFFIX = ".entries", ".marks", ".totals"
_NAME_DIGITS = 20
_TOTALS = ("entries", "records", "last_id", "oldest", "size", "damaged")


@dataclass
class Segment:
    """``first_id`` names it: no entry in it has a smaller id. ``size``: bytes that are on disk.

    ``oldest``: when its first entry was created, None while it is empty. ``torn``: bytes at its end
    that are not a whole frame. ``acked`` counts settled entries, ``sent`` those of which at least
    one record is stored.
    """

    directory: Path
    first_id: int
    size: int = 0
    entries: int = 0
    records: int = 0
    last_id: int = 0
    oldest: int | None = None
    damaged: int = 0
    torn: int = 0
    acked: int = 0
    acked_records: int = 0
    sent: int = 0
    sent_records: int = 0
    acks_size: int = 0
    unwritten_acks: list[Ack] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self._named(ENTRIES_SUFFIX)

    @property
    def acks_path(self) -> Path:
        return self._named(ACKS_SUFFIX)

    @property
    def totals_path(self) -> Path:
        return self._named(TOTALS_SUFFIX)

    @property
    def waiting(self) -> int:
        return self.entries - self.acked

    @property
    def waiting_records(self) -> int:
        return self.records - self.acked_records

    @property
    def bytes_on_disk(self) -> int:
        return self.size + self.acks_size

    def add(self, id_: int, *, records: int, created: int, size: int) -> None:
        self.entries += 1
        self.records += records
        self.last_id = max(self.last_id, id_)
        self.size += size
        if self.oldest is None:
            self.oldest = created

    def frames(
        self, offset: int = 0, *, bodies_max: int = BODY_BYTES_MAX
    ) -> Iterator[Frame | Damage]:
        with self.path.open("rb") as file:
            yield from read_frames(file, offset, self.size, bodies_max=bodies_max)

    def settled(self) -> set[int]:
        return {*read_acks(self.acks_path), *(mark.id for mark in self.unwritten_acks)}

    def write_acks(self, acks: list[Ack]) -> None:
        """They count immediately.

        On a full disk they are written with the next ones. A crash before that only means that
        their entries are sent again.
        """
        self.count_acks(acks)
        self.unwritten_acks += acks
        packed = pack_acks(self.unwritten_acks)
        try:
            descriptor = os.open(self.acks_path, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError:
            return
        try:
            with contextlib.suppress(OSError):
                if os.pwrite(descriptor, packed, self.acks_size) == len(packed):
                    self.acks_size += len(packed)
                    self.unwritten_acks = []
        finally:
            os.close(descriptor)

    def recount(self) -> list[Damage]:
        """Counts what can be read and returns the damage. Damage up to the end is ``torn``."""
        self.entries = self.records = self.damaged = self.torn = 0
        self.acked = self.acked_records = self.sent = self.sent_records = 0
        size, self.size, self.oldest = self.size, 0, None
        acks = read_acks(self.acks_path) | {mark.id: mark for mark in self.unwritten_acks}
        damages = []
        with self.path.open("rb") as file:
            for found in read_frames(file, 0, size):
                if isinstance(found, Damage):
                    damages.append(found)
                    self.size = found.end
                else:
                    header, id_ = found.header, found.header["id"]
                    self.add(
                        id_,
                        records=header["records"],
                        created=header["created"],
                        size=found.end - found.offset,
                    )
                    self.count_acks([acks[id_]] if id_ in acks else [])
        self.damaged = len(damages)
        # An id is never reused, even if its entry is gone: an old acknowledgement would settle it.
        self.last_id = max([self.last_id, *acks])
        return damages

    def seal(self) -> None:
        """Nothing will be added: writes its totals to a file, so that opening is quick.

        It is optional, so a full disk is no reason to fail.
        """
        totals = {name: getattr(self, name) for name in _TOTALS}
        with contextlib.suppress(OSError):
            write_whole(self.totals_path, orjson.dumps(totals))

    def reseal(self) -> None:
        if self.totals_path.exists():
            self.seal()

    def delete(self) -> None:
        """Acknowledgements last: without them the entries would be sent again."""
        for path in (self.totals_path, self.path, self.acks_path):
            delete(path)

    def count_acks(self, acks: Iterable[Ack]) -> None:
        for mark in acks:
            self.acked += 1
            self.acked_records += mark.records
            self.sent += mark.sent > 0
            self.sent_records += mark.sent

    def _named(self, suffix: str) -> Path:
        return self.directory / f"{self.first_id:0{_NAME_DIGITS}}{suffix}"


def segment_ids(directory: Path) -> list[int]:
    """The first ids of the segments in a directory, oldest first."""
    return sorted(int(path.stem) for path in directory.glob(f"*{ENTRIES_SUFFIX}"))


def load_segment(directory: Path, first_id: int) -> Segment:
    """Reads a segment without changing it. A sealed one is not read to its end."""
    segment = Segment(directory, first_id, last_id=first_id - 1)
    size = segment.path.stat().st_size
    segment.acks_size = whole_acks_bytes(segment.acks_path)
    if _load_totals(segment, size):
        acks = read_acks(segment.acks_path)
        segment.count_acks(acks.values())
        return segment
    segment.size = size
    damages = segment.recount()
    if damages and damages[-1].end == size:
        segment.torn = size - damages[-1].offset
        segment.damaged -= 1
    return segment


def _load_totals(segment: Segment, size: int) -> bool:
    try:
        totals = orjson.loads(segment.totals_path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return False
    if totals.get("size") != size or any(name not in totals for name in _TOTALS):
        return False
    for name in _TOTALS:
        setattr(segment, name, totals[name])
    return True
