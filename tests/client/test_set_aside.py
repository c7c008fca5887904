"""What was set aside takes no more room than what of it is still wanted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pushgate_client.entries import SetAside
from pushgate_client.outbox.segment_log import NewEntry
from pushgate_client.outbox.store import Store
from tests.client.made import entry

ENTRIES = 24
BODY_BYTES = 200_000
# Six entries fill a segment.
SEGMENT_BYTES = 1_200_000
# The id of an entry that is none of them.
OTHER = 99


@pytest.fixture
def store(quick_path: Path) -> Iterator[Store]:
    opened = _opened(quick_path)
    for number in range(ENTRIES):
        body = b"%d" % number + b" " * BODY_BYTES
        opened.set_aside(replace(entry(number), body=body), number, 422, f"reason {number}")
    yield opened
    opened.close()


def _opened(directory: Path) -> Store:
    store = Store(directory, segment_bytes_max=SEGMENT_BYTES, on_warning=print)
    store.open()
    return store


def _all(store: Store) -> list[SetAside]:
    return store.set_aside_entries(0, ENTRIES + 10)


def _told(found: list[SetAside]) -> list[tuple[int, int, str, bytes]]:
    return [(each.from_id, each.status, each.reason, each.entry.body[:2]) for each in found]


def _forget_all_but(store: Store, *numbers: int) -> list[SetAside]:
    """Returns those that were to stay, as they were."""
    found = _all(store)
    store.take_from_aside(
        {each.id for each in found if each.from_id not in numbers}, back_to_queue=False
    )
    return [each for each in found if each.from_id in numbers]


def test_a_few_that_stay_do_not_keep_the_bytes_of_the_others(store: Store) -> None:
    before = store.aside.bytes_on_disk
    stayed = _forget_all_but(store, 0, 9)

    assert before > ENTRIES * BODY_BYTES
    assert store.aside.bytes_on_disk < 4 * BODY_BYTES
    assert _told(_all(store)) == _told(stayed)


def test_a_restart_finds_those_that_stayed(store: Store, quick_path: Path) -> None:
    stayed = _forget_all_but(store, 0, 9, 23)
    store.close()
    again = _opened(quick_path)
    found = _all(again)
    again.close()

    assert sorted(_told(found)) == sorted(_told(stayed))


def test_a_segment_of_which_much_is_wanted_stays_as_it_is(store: Store) -> None:
    _forget_all_but(store, 0, 1, 2)

    assert [each.id for each in _all(store)] == [1, 2, 3]


def test_those_written_anew_can_be_sent_again_and_forgotten(store: Store) -> None:
    _forget_all_but(store, 0, 9)
    (first, second) = _all(store)

    assert store.take_from_aside({first.id}, back_to_queue=True) == (1, 1)
    assert store.take_from_aside({second.id}, back_to_queue=False) == (1, 1)
    assert _all(store) == []
    assert [each.entry is None for each in store.read_next()] == [True]


def test_a_crash_between_writing_anew_and_forgetting_keeps_all(
    store: Store, quick_path: Path
) -> None:
    """The marks of the old ones are lost: then they are there twice, and none is missing."""
    marks = {s.acks_path: b"" for s in store.aside.segments.values()}
    stayed = _forget_all_but(store, 0, 1)
    for segment in store.aside.segments.values():
        if segment.acks_path in marks:
            segment.acks_path.unlink(missing_ok=True)
    store.close()
    again = _opened(quick_path)
    found = {each.from_id for each in _all(again)}
    again.close()

    assert {each.from_id for each in stayed} <= found


def test_what_a_crash_made_come_again_is_kept_once(store: Store, quick_path: Path) -> None:
    part = entry(1)
    store.set_aside(part, OTHER, 422, "no", place=3)
    store.set_aside(part, OTHER, 422, "no", place=4)
    store.close()
    again = _opened(quick_path)
    again.set_aside(part, OTHER, 422, "no", place=3)
    again.set_aside(part, OTHER, 422, "no", place=4)
    found = [each for each in _all(again) if each.from_id == OTHER]
    again.close()

    assert [each.entry for each in found] == [part, part]


def test_what_was_written_before_places_were_kept_is_read_and_known_again(
    store: Store, quick_path: Path
) -> None:
    part = entry(1)
    store.aside.append([NewEntry(part, {"from": OTHER, "status": 422, "reason": "no"})])
    store.close()
    again = _opened(quick_path)
    again.set_aside(part, OTHER, 422, "no")
    found = [each for each in _all(again) if each.from_id == OTHER]
    assert again.take_from_aside({found[0].id}, back_to_queue=True) == (1, 1)
    again.close()

    assert [each.reason for each in found] == ["no"]
