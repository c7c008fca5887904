"""A circuit breaker for tokens: while none works, one request probes and all others wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pushgate_client.answers import Answer, Disposition
from pushgate_client.clock import ClientClock
from pushgate_client.errors import TokenUnreadable
from pushgate_client.limits import HOLD_SECONDS, HOLD_SECONDS_MAX, TOKEN_LOOK_SECONDS
from pushgate_client.tokens import TokenSource

_RANDOM = random.SystemRandom()


class Attempt(NamedTuple):
    """One request sent with ``token``; without one nothing was sent, and it is empty."""

    token: str
    answer: Answer
    disposition: Disposition


class TokenGate:
    """Closes when a request is held, and opens as soon as one is answered otherwise."""

    def __init__(self, token: TokenSource, clock: ClientClock) -> None:
        self._token = token
        self._clock = clock
        self._open = asyncio.Event()
        self._open.set()
        self._pause = HOLD_SECONDS

    @property
    def is_closed(self) -> bool:
        return not self._open.is_set()

    async def run(self, attempt: Callable[[], Awaitable[Attempt]]) -> Attempt:
        """Returns the first attempt that is not held, however long that takes."""
        while True:
            while self.is_closed:
                await self._open.wait()
            made = await attempt()
            if made.disposition is not Disposition.HOLD:
                return made
            # Closed already means that another request, sent at the same time, is the probe.
            if not self.is_closed:
                return await self._probe(attempt, made.token)

    def reset(self) -> None:
        """The token works: the next pause is the shortest again."""
        self._pause = HOLD_SECONDS

    async def _probe(self, attempt: Callable[[], Awaitable[Attempt]], refused: str) -> Attempt:
        self._open.clear()
        try:
            while True:
                await self._wait_for_change(refused)
                made = await attempt()
                if made.disposition is not Disposition.HOLD:
                    return made
                refused = made.token
        finally:
            # Also when the probe is cancelled: then one of the others becomes the probe.
            self._open.set()

    async def _wait_for_change(self, refused: str) -> None:
        """Returns when the token is no longer the refused one, or after a growing pause."""
        until = self._clock.monotonic() + _RANDOM.uniform(self._pause / 2, self._pause)
        self._pause = min(self._pause * 2, HOLD_SECONDS_MAX)
        while (left := until - self._clock.monotonic()) > 0:
            if await self._changed(refused):
                self.reset()
                return
            await asyncio.sleep(min(left, TOKEN_LOOK_SECONDS))

    async def _changed(self, refused: str) -> bool:
        try:
            return await self._token.read() != refused
        except TokenUnreadable:
            return False
