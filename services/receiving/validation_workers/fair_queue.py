"""A fair queue for validation workers: no integration can keep all others waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import TypeAlias

# An integration's id; None if it is unknown.
Tenant: TypeAlias = int | None


class FairQueue:
    """A fixed number of slots, granted to tenants in turn.

    A free slot goes to the waiting tenant that uses the fewest; among equals to the one that has
    waited longest since its last grant. So a tenant waits for one body of another at each slot,
    never for everything that another sends, and none gets a second slot while another waits.
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
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(granted)
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
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
        """Grants a slot to the tenant's first waiter, if not cancelled, and requeues the others."""
        queue = self._waiting.pop(tenant)
        granted = queue.popleft()
        if queue:
            self._waiting[tenant] = queue
        if not granted.done():
            self._free_slots -= 1
            self._slots_used[tenant] += 1
            granted.set_result(None)
