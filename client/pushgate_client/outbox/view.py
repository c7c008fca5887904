"""A read-only view of an outbox, also while another process has it open. All calls block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pushgate_client.clock import ClientClock, ClientSystemClock
from pushgate_client.entries import Counts, SetAside, Taken, entry_of
from pushgate_client.limits import BODY_BYTES_MAX
from pushgate_client.outbox.files import read_small
from pushgate_client.outbox.frames import Damage, Frame
from pushgate_client.outbox.segments import Segment, load_segment, segment_ids
from pushgate_client.outbox.store import UNTALLIED, set_aside_of


class OutboxView:
    """Skips what is deleted or incomplete while it is read."""

    def __init__(self, directory: str | Path, clock: ClientClock | None = None) -> None:
        self.directory = Path(directory)
        self._clock = clock or ClientSystemClock()

    def counts(self) -> Counts:
        """From the files; ``why`` as the owner last wrote it."""
        queue, aside = self._segments("queue"), self._segments("aside")
        tally = read_small(self.directory / "tally", UNTALLIED) or UNTALLIED
        last_written = read_small(self.directory / "counts", {}) or {}
        waiting = sum(each.waiting for each in queue)
        records = sum(each.waiting_records for each in queue)
        on_hold = bool(last_written.get("why"))
        oldest = self._oldest()
        now = self._clock.nanoseconds()
        return Counts(
            waiting=waiting,
            waiting_records=records,
            sent=tally["sent"] + sum(each.sent for each in queue),
            sent_records=tally["sent_records"] + sum(each.sent_records for each in queue),
            held=waiting if on_hold else 0,
            held_records=records if on_hold else 0,
            set_aside=sum(each.waiting for each in aside),
            set_aside_records=sum(each.waiting_records for each in aside),
            oldest_seconds=None if oldest is None else max(0.0, (now - oldest) / 1e9),
            bytes=sum(each.bytes_on_disk for each in queue + aside),
            bytes_max=last_written.get("bytes_max", 0),
            damaged=tally["damaged"],
            why=last_written.get("why"),
        )

    def waiting(self) -> Iterator[Taken]:
        """Oldest first, with their bodies, one at a time."""
        for frame in self._unsettled("queue"):
            yield Taken(frame.header["id"], entry_of(frame.header, frame.whole_body))

    def set_aside(self) -> Iterator[SetAside]:
        """Oldest first, one at a time."""
        for frame in self._unsettled("aside"):
            yield set_aside_of(frame)

    def _oldest(self) -> int | None:
        first = next(self._unsettled("queue", bodies_max=0), None)
        return None if first is None else int(first.header["created"])

    def _segments(self, name: str) -> list[Segment]:
        found = []
        for first_id in segment_ids(self.directory / name):
            with contextlib.suppress(FileNotFoundError):
                found.append(load_segment(self.directory / name, first_id))
        return found

    def _unsettled(self, name: str, *, bodies_max: int = BODY_BYTES_MAX) -> Iterator[Frame]:
        for segment in self._segments(name):
            with contextlib.suppress(FileNotFoundError):
                settled = segment.settled()
                for found in segment.frames(bodies_max=bodies_max):
                    if not isinstance(found, Damage) and found.header["id"] not in settled:
                        yield found
