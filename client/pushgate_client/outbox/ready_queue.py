"""The head of the queue, and which of its entries may be sent now. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pushgate_client.entries import Entry
from pushgate_client.outbox.segment_log import EntryLocation


@dataclass
class QueuedEntry:
    """``entry`` is None if its body is large: then it is read when it is sent."""

    location: EntryLocation
    tables: tuple[str, ...]
    in_order: bool
    records: int
    created: int
    body_bytes: int
    sequences: tuple[int, int] | None = None
    entry: Entry | None = None
    taken: bool = False


class ReadyQueue:
    """Entries in the order of the queue, until they are settled."""

    def __init__(self) -> None:
        self._entries: dict[int, QueuedEntry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def inline_bytes(self) -> int:
        return sum(each.body_bytes for each in self._entries.values() if each.entry is not None)

    @property
    def oldest(self) -> int | None:
        """When the oldest entry was created."""
        return next((waiting.created for waiting in self._entries.values()), None)

    def add(self, waiting: QueuedEntry) -> None:
        self._entries[waiting.location.id] = waiting

    def take(self, room_bytes: int) -> QueuedEntry | None:
        """The oldest entry that no earlier one blocks; None if all are blocked.

        Also None if its body is larger than ``room_bytes``: later entries must not overtake it
        again and again.
        """
        before = _EarlierEntries()
        for waiting in self._entries.values():
            if not waiting.taken and not before.block(waiting):
                if waiting.body_bytes > room_bytes:
                    return None
                waiting.taken = True
                return waiting
            before.add(waiting)
        return None

    def release(self, id_: int) -> None:
        self._entries[id_].taken = False

    def settle(self, id_: int) -> QueuedEntry:
        return self._entries.pop(id_)


class _EarlierEntries:
    """The unsettled entries before an entry, by table."""

    def __init__(self) -> None:
        # The least and the greatest sequence; None if an entry has no sequences.
        self._sequences: dict[str, tuple[int, int] | None] = {}
        self._in_order: set[str] = set()

    def add(self, waiting: QueuedEntry) -> None:
        for table in waiting.tables:
            known = self._sequences.get(table, waiting.sequences)
            self._sequences[table] = _joined(known, waiting.sequences)
        if waiting.in_order:
            self._in_order.update(waiting.tables)

    def block(self, waiting: QueuedEntry) -> bool:
        """Whether one of them shares a table with this one and the order matters."""
        if not waiting.in_order:
            return not self._in_order.isdisjoint(waiting.tables)
        return any(
            not _apart(self._sequences[table], waiting.sequences)
            for table in waiting.tables
            if table in self._sequences
        )


def _joined(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    if one is None or other is None:
        return None
    return min(one[0], other[0]), max(one[1], other[1])


def _apart(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    if one is None or other is None:
        return False
    return one[1] < other[0] or other[1] < one[0]
