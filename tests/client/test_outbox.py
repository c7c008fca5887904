"""What is put in stays, in its order, until it is settled, whoever opens the directory next."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from pushgate_client import Outbox, OutboxFull, OutboxLocked, OutboxUnusable, OutboxView
from pushgate_client.entries import entry_of
from tests.client.made import entry, ids_of


async def _taken(outbox: Outbox, count: int) -> list[list[int]]:
    """The ids in the bodies of as many entries, settling none."""
    return [ids_of((await outbox.take()).entry.body) for _ in range(count)]


async def test_what_was_put_in_is_there_for_the_next_process(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1, 2))
        await outbox.append(entry(3))

    async with Outbox.open(tmp_path) as outbox:
        assert await _taken(outbox, 2) == [[1, 2], [3]]


async def test_what_is_done_never_comes_again(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        for number in range(3):
            await outbox.append(entry(number))
        first = await outbox.take()
        outbox.done(first.id)

    async with Outbox.open(tmp_path) as outbox:
        assert await _taken(outbox, 2) == [[1], [2]]
        assert (outbox.counts().waiting, outbox.counts().sent) == (2, 1)


async def test_a_second_process_is_told_who_has_it(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path):
        with pytest.raises(OutboxLocked, match="in use by process"):
            async with Outbox.open(tmp_path):
                pass


@pytest.mark.parametrize("name", ["sequences", "tally"])
@pytest.mark.parametrize("damaged", [b"", b"\0\0", b"null", b'{"last":"x","sent":null}'])
async def test_a_small_file_that_the_disk_changed_is_begun_anew_and_said_so(
    tmp_path: Path, name: str, damaged: bytes
) -> None:
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1))
    (tmp_path / name).write_bytes(damaged)

    said: list[str] = []
    async with Outbox.open(tmp_path, said=said.append) as outbox:
        assert outbox.counts().waiting == 1
    assert (await asyncio.to_thread(OutboxView(tmp_path).counts)).waiting == 1
    assert [name in each for each in said] == [True]


@pytest.mark.parametrize("file", ["outbox", "outbox/queue"])
async def test_what_can_not_be_opened_is_told_and_can_be_once_it_is_mended(
    tmp_path: Path, file: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(OutboxUnusable, match="File exists"):
        async with Outbox.open(tmp_path / "outbox"):
            pass

    (tmp_path / file).unlink()
    async with Outbox.open(tmp_path / "outbox") as outbox:
        assert await outbox.append(entry(1)) == 1


async def test_a_view_needs_no_lock(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1, 2))
        counts = await asyncio.to_thread(OutboxView(tmp_path).counts)

    assert (counts.waiting, counts.waiting_records) == (1, 2)


async def test_the_oldest_age_is_that_of_what_still_waits(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1, created=time.time_ns() - 3_600 * 10**9))
        await outbox.append(entry(2, created=time.time_ns()))
        before = await asyncio.to_thread(OutboxView(tmp_path).counts)
        outbox.done((await outbox.take()).id)
        after = outbox.counts()

    assert before.oldest_seconds is not None
    assert after.oldest_seconds is not None
    assert before.oldest_seconds >= 3_600 > after.oldest_seconds


async def test_in_one_table_entries_in_order_go_one_after_the_other(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        for number, table in enumerate(["a", "a", "b"]):
            await outbox.append(entry(number, table=table, in_order=True))
        taken = [await outbox.take(), await outbox.take()]
        next_one = asyncio.ensure_future(outbox.take())
        outbox.done(taken[0].id)

        assert [ids_of(each.entry.body) for each in taken] == [[0], [2]]
        assert ids_of((await next_one).entry.body) == [1]


async def test_a_full_outbox_raises_where_that_was_asked_for(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path, bytes_max=2_000, on_full="raise") as outbox:
        with pytest.raises(OutboxFull, match="outbox is full"):
            await asyncio.gather(*(outbox.append(entry(number)) for number in range(100)))

        assert outbox.counts().bytes <= 2_000


async def test_who_was_turned_away_is_told_of_until_there_is_room(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path, bytes_max=800, on_full="raise") as outbox:
        await outbox.append(entry(1))
        with pytest.raises(OutboxFull):
            await outbox.append(entry(1, 2, 3))
        assert "outbox is full" in str(outbox.full)

        await outbox.append(entry(2))
        assert outbox.full is None


async def test_a_full_outbox_waits_until_something_is_sent(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path, bytes_max=2_000) as outbox:
        appending = [asyncio.ensure_future(outbox.append(entry(number))) for number in range(50)]
        for _ in appending:
            taken = await outbox.take()
            outbox.done(taken.id)
        await asyncio.gather(*appending)
        await outbox.emptied()

        assert outbox.counts().sent == 50


async def test_what_was_set_aside_waits_for_a_person_and_can_go_again(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1))
        taken = await outbox.take()
        await outbox.set_aside(taken.id, taken.entry, status=422, reason="no")
        outbox.done(taken.id, set_aside=1)
        (aside,) = await outbox.set_aside_entries()
        assert (aside.status, aside.reason, outbox.counts().set_aside) == (422, "no", 1)

        assert await outbox.requeue({aside.id}) == 1
        assert (await _taken(outbox, 1), outbox.counts().set_aside) == ([[1]], 0)


async def test_sequences_grow_from_process_to_process(tmp_path: Path) -> None:
    firsts = []
    for _ in range(3):
        async with Outbox.open(tmp_path) as outbox:
            firsts += [await outbox.next_sequences(1_000), await outbox.next_sequences(1)]

    assert firsts == sorted(set(firsts))


def test_what_was_written_before_names_were_kept_is_read() -> None:
    whole = replace(entry(1), idempotency_key="x")
    header = orjson.loads(whole.header(1))
    assert entry_of(header, whole.body) == whole
    del header["idempotency_key"]

    assert entry_of(header, whole.body) == entry(1)
