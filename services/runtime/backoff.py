"""Exponential back-off: growing pauses between the attempts of one retry loop."""

import asyncio
import random

from services.runtime.clock import wait_for


class Backoff:
    """Each pause is twice as long as the one before, from ``min_seconds`` up to ``max_seconds``.

    With ``jitter`` a pause is a random part of that length, so that callers that failed together
    do not retry together. Call ``reset`` after a success.
    """

    def __init__(self, *, min_seconds: float, max_seconds: float, jitter: bool = False) -> None:
        self._min_seconds = min_seconds
        self._max_seconds = max_seconds
        self._jitter = jitter
        self._seconds = min_seconds

    def reset(self) -> None:
        self._seconds = self._min_seconds

    def next_seconds(self) -> float:
        """The length of the pause that follows; for a caller that logs it before it waits."""
        seconds = self._seconds
        self._seconds = min(seconds * 2, self._max_seconds)
        return random.uniform(0, seconds) if self._jitter else seconds  # noqa: S311 — not a secret

    async def wait(self, ending: asyncio.Event) -> bool:
        """Pauses; returns True as soon as ``ending`` is set, False at the end of the pause."""
        return await wait_for(ending, self.next_seconds())
