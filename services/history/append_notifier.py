"""Tells everybody who waits that the log may have grown. Only a hint: numbers are the truth."""

from __future__ import annotations

import asyncio

from services.runtime.clock import wait_for
from services.runtime.config import Secret
from services.runtime.database import AWAY, connect
from services.runtime.logs import Log

# A lost notification costs this much; a database that is away is asked for this often.
POLL_SECONDS = 3.0
RETRY_SECONDS = 1.0


class AppendNotifier:
    def __init__(self) -> None:
        self._next = asyncio.Event()

    def next_append(self) -> asyncio.Event:
        """Take it before reading the log: what is appended after that reading sets it."""
        return self._next

    def notify(self) -> None:
        waiting, self._next = self._next, asyncio.Event()
        waiting.set()

    async def listen(self, url: Secret, ending: asyncio.Event) -> None:
        """Rings for each append, and every few seconds whatever happens, until ``ending``."""
        while not ending.is_set():
            try:
                await self._listen_while_connected(url, ending)
            except AWAY as error:
                Log().warning(
                    "notifier.reconnecting", error=repr(error), retry_seconds=RETRY_SECONDS
                )
                self.notify()
                await wait_for(ending, RETRY_SECONDS)
        self.notify()

    async def _listen_while_connected(self, url: Secret, ending: asyncio.Event) -> None:
        connection = await connect(url, application_name="pushgate history notifier")
        try:
            await connection.add_listener("ledger", lambda *_: self.notify())
            while not ending.is_set():
                # Also finds a connection that died without a word.
                await connection.execute("SELECT 1", timeout=POLL_SECONDS)
                self.notify()
                await wait_for(ending, POLL_SECONDS)
        finally:
            await connection.close(timeout=2)
