import asyncio

from services.runtime.backoff import Backoff


def test_pauses_double_up_to_the_maximum() -> None:
    backoff = Backoff(min_seconds=0.5, max_seconds=3)

    assert [backoff.next_seconds() for _ in range(5)] == [0.5, 1, 2, 3, 3]


def test_pauses_stay_at_the_maximum_however_often_an_attempt_fails() -> None:
    backoff = Backoff(min_seconds=1, max_seconds=20)

    assert max(backoff.next_seconds() for _ in range(5_000)) == 20


def test_after_a_reset_the_next_pause_is_the_shortest() -> None:
    backoff = Backoff(min_seconds=0.5, max_seconds=3)
    backoff.next_seconds()
    backoff.next_seconds()

    backoff.reset()

    assert backoff.next_seconds() == 0.5


def test_jitter_takes_a_random_part_of_each_pause() -> None:
    backoff = Backoff(min_seconds=1, max_seconds=1, jitter=True)
    pauses = [backoff.next_seconds() for _ in range(50)]

    assert all(0 <= pause <= 1 for pause in pauses)
    assert len(set(pauses)) > 1


async def test_a_pause_ends_as_soon_as_the_event_is_set() -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().call_soon(ending.set)

    assert await Backoff(min_seconds=60, max_seconds=60).wait(ending)


async def test_a_pause_that_is_not_interrupted_ends_by_itself() -> None:
    backoff = Backoff(min_seconds=0.001, max_seconds=0.001)

    assert not await backoff.wait(asyncio.Event())
