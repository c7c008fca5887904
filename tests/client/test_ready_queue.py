"""Which entry may be sent now: what shares a table keeps its order wherever the order matters."""

from itertools import count

import pytest

from pushgate_client.outbox.ready_queue import QueuedEntry, ReadyQueue
from pushgate_client.outbox.segment_log import EntryLocation

_numbers = count(1)
ROOM = 1_000


def waiting(
    *tables: str, sequences: tuple[int, int] | None = None, in_order: bool = True, size: int = 1
) -> QueuedEntry:
    return QueuedEntry(
        location=EntryLocation(1, 0, next(_numbers)),
        tables=tables or ("t",),
        in_order=in_order,
        records=1,
        created=1,
        body_bytes=size,
        sequences=sequences,
    )


def taken(*entries: QueuedEntry) -> list[int]:
    """The places, in what was put in, of all that may be under way at once."""
    window = ReadyQueue()
    for entry in entries:
        window.add(entry)
    found = []
    while (next_one := window.take(ROOM)) is not None:
        found.append(entries.index(next_one))
    return found


def test_without_sequences_one_at_a_time() -> None:
    assert taken(waiting(), waiting(), waiting("other")) == [0, 2]


@pytest.mark.parametrize(
    ("sequences", "together"),
    [
        ([(1, 5), (6, 9), (10, 12)], [0, 1, 2]),
        ([(6, 9), (1, 5)], [0, 1]),
        ([(1, 5), (5, 9)], [0]),
        ([(1, 9), (3, 4)], [0]),
        ([(1, 5), (5, 9), (10, 12)], [0, 2]),
        ([(1, 2), (8, 9), (4, 5)], [0, 1]),
        ([(1, 1), (1, 1), (1, 1)], [0]),
    ],
)
def test_sequences_that_lie_apart_may_be_under_way_together(
    sequences: list[tuple[int, int]], together: list[int]
) -> None:
    assert taken(*(waiting(sequences=each) for each in sequences)) == together


def test_nothing_overtakes_what_has_no_sequences() -> None:
    """A version switch, say: the rows before it come before it, those after it after."""
    switch = waiting()

    assert taken(waiting(sequences=(1, 2)), switch, waiting(sequences=(3, 4))) == [0]
    assert taken(switch, waiting(sequences=(3, 4))) == [0]


def test_what_orders_itself_still_waits_for_what_does_not() -> None:
    ours = [waiting(in_order=False), waiting(in_order=False)]

    assert taken(*ours, waiting()) == [0, 1]
    assert taken(waiting(), *ours) == [0]


def test_each_table_counts() -> None:
    assert taken(
        waiting("a", sequences=(1, 2)),
        waiting("b", sequences=(1, 2)),
        waiting("a", "b", sequences=(2, 3)),
        waiting("a", "c", sequences=(3, 4)),
    ) == [0, 1]


def test_what_has_no_room_is_not_overtaken() -> None:
    assert taken(waiting("a", size=ROOM + 1), waiting("b")) == []
