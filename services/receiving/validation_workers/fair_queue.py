"""Who is next at a checker, so that one integration's bodies do not keep all others waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import TypeAlias

# An integration's id; None where nobody can say.
Whose: TypeAlias = int | None


class Turns:
    """A few places, given to integrations in turn.

    A place that becomes free goes to the integration that has the fewest, of equal ones to the one
    that was given none for longest. So whoever comes waits for one body of another's at a place,
    never for all that another sends; and while another waits, nobody gets a second place.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._has: Counter[Whose] = Counter()
        self._waiting: dict[Whose, deque[asyncio.Future[None]]] = {}

    @contextlib.asynccontextmanager
    async def place(self, whose: Whose) -> AsyncIterator[None]:
        await self._take(whose)
        try:
            yield
        finally:
            self._leave(whose)

    async def _take(self, whose: Whose) -> None:
        if self._free:
            self._free -= 1
            self._has[whose] += 1
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(whose, deque()).append(given)
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():
                self._leave(whose)
            raise

    def _leave(self, whose: Whose) -> None:
        self._has[whose] -= 1
        if not self._has[whose]:
            del self._has[whose]
        self._free += 1
        while self._free and self._waiting:
            self._give(min(self._waiting, key=self._has.__getitem__))

    def _give(self, whose: Whose) -> None:
        """To the first of these that still waits, if any; the others are last in line now."""
        line = self._waiting.pop(whose)
        given = line.popleft()
        if line:
            self._waiting[whose] = line
        if not given.done():
            self._free -= 1
            self._has[whose] += 1
            given.set_result(None)
