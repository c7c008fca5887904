"""A disk that takes no more, for whoever runs the tests: files may not grow beyond a limit.

On a real disk that is full, which takes root to make: tests/system/test_outbox.py.
"""

import asyncio
import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushgate_client import DiskFull, Outbox
from tests.client.made import entry, ids_of
from tests.eventually import eventually

FILE_BYTES = 40_000


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Beyond it the system writes a part, and then says why it does not write the rest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _ids(outbox: Outbox) -> list[int]:
    found = []
    for _ in range(outbox.counts().waiting):
        taken = await outbox.take()
        found += ids_of(taken.entry.body)
        outbox.done(taken.id)
    return found


async def _append_until_full(outbox: Outbox, kept: list[int]) -> None:
    for number in range(1_000):
        await outbox.append(entry(number))
        kept.append(number)


async def test_what_does_not_fit_is_told_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    kept: list[int] = []
    async with Outbox.open(tmp_path, on_full="raise") as outbox:
        with files_no_larger_than(FILE_BYTES), pytest.raises(DiskFull, match="Free space"):
            await _append_until_full(outbox, kept)
        await outbox.append(entry(2_000))

    assert 0 < len(kept) < 1_000
    async with Outbox.open(tmp_path) as outbox:
        assert await _ids(outbox) == [*kept, 2_000]


async def test_who_waits_for_room_goes_on_when_there_is_some(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        with files_no_larger_than(FILE_BYTES):
            appending = [
                asyncio.ensure_future(outbox.append(entry(number))) for number in range(300)
            ]

            async def says_why() -> str | None:
                return outbox.full

            assert "can't be written" in str(await eventually(says_why))
        await asyncio.gather(*appending)

        assert outbox.full is None
        assert await _ids(outbox) == list(range(300))


async def test_what_can_not_be_set_aside_says_why_it_waits(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1))
        taken = await outbox.take()
        with files_no_larger_than(0):
            setting_aside = asyncio.ensure_future(
                outbox.set_aside(taken.id, taken.entry, status=400, reason="no")
            )

            async def says_why() -> bool:
                return "Free space" in str(outbox.counts().why)

            await eventually(says_why)
        await setting_aside

        assert (outbox.counts().why, outbox.counts().set_aside) == (None, 1)


async def test_what_does_not_fit_back_into_the_queue_stays_set_aside(tmp_path: Path) -> None:
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1))
        taken = await outbox.take()
        await outbox.set_aside(taken.id, taken.entry, status=400, reason="no")
        outbox.done(taken.id, set_aside=1)
        with files_no_larger_than(0), pytest.raises(DiskFull, match="Free space"):
            await outbox.requeue({1})
        assert outbox.counts().set_aside == 1

        assert await outbox.requeue({1}) == 1
        assert await _ids(outbox) == [1]
