"""The one way to ask the time and to wait. Decisions get ``now`` as an argument; loops a Clock."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall-clock time, timezone-aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences are meaningful."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 — this is the clock

    def monotonic(self) -> float:
        return time.monotonic()


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Returns True as soon as the event is set, False once ``seconds`` have passed without it."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
