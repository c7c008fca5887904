"""Wakes waiting streams when the log may have grown. Only a hint: readers compare numbers."""

from __future__ import annotations

import asyncio

from services.runtime.backoff import Backoff
from services.runtime.clock import wait_for
from services.runtime.config import Secret
from services.runtime.database import AWAY, connect
from services.runtime.logs import Log

# The delay of a lost notification.
POLL_SECONDS = 3.0
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.5, 5.0


class AppendNotifier:
    def __init__(self) -> None:
        self._next = asyncio.Event()

    def next_append(self) -> asyncio.Event:
        """Set by the next append. Take it before you read the log, so that no append is missed."""
        return self._next

    def notify(self) -> None:
        waiting, self._next = self._next, asyncio.Event()
        waiting.set()

    async def listen(self, url: Secret, stopping: asyncio.Event) -> None:
        """Notifies of each append, and every few seconds in any case, until ``stopping`` is set."""
        backoff = Backoff(min_seconds=RETRY_SECONDS_MIN, max_seconds=RETRY_SECONDS_MAX)
        while not stopping.is_set():
            try:
                await self._listen_while_connected(url, stopping, backoff)
            except AWAY as error:
                seconds = backoff.next_seconds()
                Log().warning("notifier.reconnecting", error=repr(error), retry_seconds=seconds)
                self.notify()
                await wait_for(stopping, seconds)
        self.notify()

    async def _listen_while_connected(
        self, url: Secret, stopping: asyncio.Event, backoff: Backoff
    ) -> None:
        connection = await connect(url, application_name="pushgate history notifier")
        try:
            await connection.add_listener("ledger", lambda *_: self.notify())
            backoff.reset()
            while not stopping.is_set():
                # Also detects a connection that was dropped silently.
                await connection.execute("SELECT 1", timeout=POLL_SECONDS)
                self.notify()
                await wait_for(stopping, POLL_SECONDS)
        finally:
            await connection.close(timeout=2)
