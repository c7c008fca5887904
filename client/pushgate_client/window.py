"""The head of the queue, and which entry in it may be sent now. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pushgate_client.entries import Entry
from pushgate_client.log import Place


@dataclass
class Waiting:
    """``entry`` is at hand when its body is small, else it is read when it is sent."""

    place: Place
    tables: tuple[str, ...]
    in_order: bool
    records: int
    created: int
    body_bytes: int
    entry: Entry | None = None
    taken: bool = False


class Window:
    """In the order of the queue. An entry leaves when it is settled."""

    def __init__(self) -> None:
        self._entries: dict[int, Waiting] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def inline_bytes(self) -> int:
        return sum(each.body_bytes for each in self._entries.values() if each.entry is not None)

    @property
    def oldest(self) -> int | None:
        """When the first was created that is not settled."""
        return next((waiting.created for waiting in self._entries.values()), None)

    def add(self, waiting: Waiting) -> None:
        self._entries[waiting.place.id] = waiting

    def take(self, room_bytes: int) -> Waiting | None:
        """The oldest that nothing before it holds back; None when all wait for others.

        Also None when its body has no room: what comes later must not overtake it for ever.
        """
        before: set[str] = set()
        barred: set[str] = set()
        for waiting in self._entries.values():
            tables = waiting.tables
            held_back = barred if not waiting.in_order else before
            if not waiting.taken and held_back.isdisjoint(tables):
                if waiting.body_bytes > room_bytes:
                    return None
                waiting.taken = True
                return waiting
            before.update(tables)
            if waiting.in_order:
                barred.update(tables)
        return None

    def give_back(self, id_: int) -> None:
        self._entries[id_].taken = False

    def settle(self, id_: int) -> Waiting:
        return self._entries.pop(id_)
