"""Waiting for a condition with a limit, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")

POLL_SECONDS = 0.02


async def eventually(
    ask: Callable[[], Awaitable[Answer | None]], *, seconds: float = 30.0
) -> Answer:
    """Asks until the answer is true and returns it; after ``seconds`` fails with the last one."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not so after {seconds} s; last answer: {answer!r}"
        await asyncio.sleep(POLL_SECONDS)
