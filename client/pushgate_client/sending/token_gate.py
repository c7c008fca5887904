"""While no token works one request in turn tries, and all others wait for it."""

from __future__ import annotations

import asyncio
import random

from pushgate_client.clock import ClientClock
from pushgate_client.errors import TokenUnreadable
from pushgate_client.limits import HOLD_SECONDS, HOLD_SECONDS_MAX, TOKEN_LOOK_SECONDS
from pushgate_client.tokens import TokenSource

_RANDOM = random.SystemRandom()


class TokenGate:
    """``who`` is anything that tells one request from another."""

    def __init__(self, token: TokenSource, clock: ClientClock) -> None:
        self._token = token
        self._clock = clock
        self._open = asyncio.Event()
        self._open.set()
        self._trying: object = None
        self._pause = HOLD_SECONDS

    @property
    def is_on(self) -> bool:
        return not self._open.is_set()

    async def admitted(self, who: object) -> None:
        while self.is_on and self._trying is not who:
            await self._open.wait()

    async def begin(self, who: object, refused_token: str) -> None:
        """Refused with this token. Returns when another try is worth it, for one of all."""
        if self._trying is None:
            self._trying = who
            self._open.clear()
        if self._trying is who:
            await self._rest(refused_token)

    def end(self, who: object) -> None:
        """Not refused for its token, or not tried any more: the others may go on, or find out."""
        if self._trying is who:
            self._trying = None
            self._open.set()

    def works(self) -> None:
        self._pause = HOLD_SECONDS

    async def _rest(self, refused_token: str) -> None:
        until = self._clock.monotonic() + _RANDOM.uniform(self._pause / 2, self._pause)
        self._pause = min(self._pause * 2, HOLD_SECONDS_MAX)
        while (left := until - self._clock.monotonic()) > 0:
            if await self._changed(refused_token):
                self.works()
                return
            await asyncio.sleep(min(left, TOKEN_LOOK_SECONDS))

    async def _changed(self, refused_token: str) -> bool:
        try:
            return await self._token.read() != refused_token
        except TokenUnreadable:
            return False
