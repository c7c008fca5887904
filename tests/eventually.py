"""Waiting for a condition with a limit, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")

# Longer rests after longer waiting: asking without pause takes time from what is waited for.
REST_SHARE = 0.1
REST_SECONDS_MIN = 0.01
REST_SECONDS_MAX = 0.25


async def eventually(
    ask: Callable[[], Awaitable[Answer | None]], *, seconds: float = 30.0
) -> Answer:
    """Asks until the answer is true and returns it; after ``seconds`` fails with the last one."""
    began = time.monotonic()
    while True:
        answer = await ask()
        if answer:
            return answer
        waited = time.monotonic() - began
        assert waited < seconds, f"not so after {seconds} s; last answer: {answer!r}"
        await asyncio.sleep(_rest(waited))


def _rest(waited: float) -> float:
    return min(max(waited * REST_SHARE, REST_SECONDS_MIN), REST_SECONDS_MAX)
