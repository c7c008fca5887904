"""Who is next at a checker, so that one integration's bodies do not keep all others waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import TypeAlias

# An integration's id; None where nobody can say.
Tenant: TypeAlias = int | None


class FairQueue:
    """A few places, given to integrations in turn.

    A place that becomes free goes to the integration that has the fewest, of equal ones to the one
    that was given none for longest. So whoever comes waits for one body of another's at a place,
    never for all that another sends; and while another waits, nobody gets a second place.
    """

    def __init__(self, slots: int) -> None:
        self._free_slots = slots
        self._slots_used: Counter[Tenant] = Counter()
        self._waiting: dict[Tenant, deque[asyncio.Future[None]]] = {}

    @contextlib.asynccontextmanager
    async def slot(self, tenant: Tenant) -> AsyncIterator[None]:
        await self._acquire(tenant)
        try:
            yield
        finally:
            self._release(tenant)

    async def _acquire(self, tenant: Tenant) -> None:
        if self._free_slots:
            self._free_slots -= 1
            self._slots_used[tenant] += 1
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(given)
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():
                self._release(tenant)
            raise

    def _release(self, tenant: Tenant) -> None:
        self._slots_used[tenant] -= 1
        if not self._slots_used[tenant]:
            del self._slots_used[tenant]
        self._free_slots += 1
        while self._free_slots and self._waiting:
            self._hand_over(min(self._waiting, key=self._slots_used.__getitem__))

    def _hand_over(self, tenant: Tenant) -> None:
        """To the first of these that still waits, if any; the others are last in line now."""
        line = self._waiting.pop(tenant)
        given = line.popleft()
        if line:
            self._waiting[tenant] = line
        if not given.done():
            self._free_slots -= 1
            self._slots_used[tenant] += 1
            given.set_result(None)
