"""Reading ahead goes on while the destination works for long, and rests while loads hurry."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.loader import pace
from services.loader.pace import Pace
from tests.loader.gate import Gate

SHORT_SECONDS = 0.1


async def seconds_of_rest(paced: Pace) -> float:
    began = time.monotonic()
    await paced.rest()
    return time.monotonic() - began


async def is_resting(task: asyncio.Task[float]) -> bool:
    """Whether it goes on for longer than what is short."""
    done, _ = await asyncio.wait({task}, timeout=SHORT_SECONDS)
    return not done


async def test_reading_does_not_rest_when_nothing_is_loaded() -> None:
    assert await seconds_of_rest(Pace()) < SHORT_SECONDS


async def test_reading_rests_until_the_load_is_over() -> None:
    paced = Pace()
    with paced.hurry():
        resting = asyncio.create_task(seconds_of_rest(paced))
        assert await is_resting(resting)

    assert SHORT_SECONDS <= await resting < pace.REST_SECONDS_MAX


async def test_reading_goes_on_during_a_long_statement(gate: Gate) -> None:
    paced = Pace()
    with paced.hurry():
        working = asyncio.create_task(
            paced.execute_long(gate.destination, "SELECT pg_sleep($1)", [3 * SHORT_SECONDS])
        )
        await paced.rest()
        assert not working.done()
        assert await seconds_of_rest(paced) < SHORT_SECONDS
        assert await working == "SELECT 1"
        resting = asyncio.create_task(seconds_of_rest(paced))
        assert await is_resting(resting)
    await resting


async def test_a_statement_that_fails_leaves_the_load_in_a_hurry(gate: Gate) -> None:
    paced = Pace()
    with paced.hurry():
        with pytest.raises(Exception, match="division by zero"):
            await paced.execute_long(gate.destination, "SELECT 1 / $1::int", [0])
        resting = asyncio.create_task(seconds_of_rest(paced))
        assert await is_resting(resting)
    await resting


async def test_of_many_loads_one_always_hurries_so_rest_has_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "REST_SECONDS_MAX", SHORT_SECONDS)
    paced = Pace()
    with paced.hurry(), paced.hurry():
        assert SHORT_SECONDS <= await seconds_of_rest(paced) < 10 * SHORT_SECONDS
