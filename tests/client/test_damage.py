"""A segment cut or changed at any byte: what lies elsewhere is not lost, and nothing is made up."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pushgate_client.outbox.acks import Ack
from pushgate_client.outbox.segment_log import EntryLocation
from pushgate_client.outbox.store import Store
from tests.client.made import entry, ids_of
from tests.rounds import rounds

IDS = (11, 22, 33)
# Every byte in full rounds.
STEP = rounds(small=3, full=1)


class Written(NamedTuple):
    """The bytes of a queue's only segment and of its marks, and where its entries lie."""

    entries: bytes
    marks: bytes
    places: list[EntryLocation]

    def touched_by(self, offset: int) -> int:
        """The id in the entry that this byte is part of."""
        begun = [place for place in self.places if place.offset <= offset]
        return IDS[len(begun) - 1]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Three entries, of which the first is settled in the marks."""
    directory = tmp_path_factory.mktemp("written")
    store = _opened(directory)
    places = store.append([entry(id_) for id_ in IDS])
    store.settle([(places[0], Ack(places[0].id, 1, 1))])
    segment = store.queue.active
    store.close()
    return Written(segment.path.read_bytes(), segment.acks_path.read_bytes(), places)


def _opened(directory: Path, said: list[str] | None = None) -> Store:
    store = Store(
        directory,
        segment_bytes_max=1_000_000,
        on_warning=(said if said is not None else []).append,
    )
    store.open()
    return store


class Directory:
    """An outbox with these bytes in it, made anew for each look."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self._path = path

    def holding(self, entries: bytes, marks: bytes = b"") -> Iterator[Store]:
        for leftover in (*self._path.glob("queue/*"), *self._path.glob("damaged/*")):
            leftover.unlink()
        (self._path / "tally").unlink(missing_ok=True)
        (self._path / "queue").mkdir(exist_ok=True)
        name = self._path / "queue" / f"{1:020}"
        name.with_suffix(".entries").write_bytes(entries)
        name.with_suffix(".marks").write_bytes(marks)
        self.said.clear()
        store = _opened(self._path, self.said)
        try:
            yield store
        finally:
            store.close()


@pytest.fixture
def directory(quick_path: Path) -> Directory:
    return Directory(quick_path)


def _waiting_ids(store: Store) -> list[int]:
    return [ids_of(each.entry.body)[0] for each in store.read_next() if each.entry is not None]


def test_cut_anywhere_the_entries_before_the_cut_are_there(
    written: Written, directory: Directory
) -> None:
    ends = [*(place.offset for place in written.places[1:]), len(written.entries)]
    for cut in range(0, len(written.entries), STEP):
        for store in directory.holding(written.entries[:cut]):
            whole = [id_ for id_, end in zip(IDS, ends, strict=True) if end <= cut]
            is_torn = cut not in (0, *ends)

            assert _waiting_ids(store) == whole
            assert bool(directory.said) == is_torn


def test_cut_anywhere_what_comes_next_is_kept(written: Written, directory: Directory) -> None:
    for cut in range(0, len(written.entries), 7):
        for store in directory.holding(written.entries[:cut], written.marks):
            (place,) = store.append([entry(99)])

            assert _waiting_ids(store)[-1] == 99
            assert place.id not in {each.id for each in written.places if each.offset < cut - 400}


def test_a_byte_changed_anywhere_costs_that_entry_alone(
    written: Written, directory: Directory
) -> None:
    for offset in range(0, len(written.entries), STEP):
        changed = bytearray(written.entries)
        changed[offset] ^= 0x40
        for store in directory.holding(bytes(changed)):
            lost = written.touched_by(offset)

            assert _waiting_ids(store) == [id_ for id_ in IDS if id_ != lost]
            assert len(directory.said) == 1


def test_bytes_that_the_disk_changed_are_kept_and_counted(
    written: Written, directory: Directory, quick_path: Path
) -> None:
    changed = bytearray(written.entries)
    changed[written.places[1].offset + 30] ^= 0x01
    for store in directory.holding(bytes(changed)):
        assert store.tally["damaged"] == 1
        assert len(list(quick_path.glob("damaged/*"))) == 1


def test_marks_cut_or_changed_anywhere_settle_nothing_that_was_not(
    written: Written, directory: Directory
) -> None:
    for offset in range(len(written.marks)):
        changed = bytearray(written.marks)
        changed[offset] ^= 0x40
        for marks in (written.marks[:offset], bytes(changed)):
            for store in directory.holding(written.entries, marks):
                assert _waiting_ids(store) == list(IDS)
    for store in directory.holding(written.entries, written.marks):
        assert _waiting_ids(store) == list(IDS[1:])


def test_damage_found_while_sending_does_not_stop_the_rest(
    written: Written, directory: Directory
) -> None:
    for store in directory.holding(written.entries):
        with store.queue.active.path.open("r+b") as file:
            file.seek(written.places[1].offset + 30)
            file.write(b"\0")

        assert store.read(written.places[1]) is None
        assert store.read(written.places[2]) is not None
        assert (store.lost, store.queue.active.waiting) == (1, 2)
