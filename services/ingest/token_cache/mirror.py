"""Keeps the token cache in sync with ``tokens.active_tokens``.

It listens for notifications first and reads the table then, so that no change is missed. A
notification names an integration, and its rows are read again; the whole table is read again
after each reconnect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from asyncpg import Connection, Record

from events.sql_files import load_queries
from services.ingest.token_cache.cache import TOKENS_MAX, TokenCache
from services.journal.candidates import TokenRow
from services.runtime.backoff import Backoff
from services.runtime.clock import wait_for
from services.runtime.database import AWAY, ConnectFunction
from services.runtime.logs import Log

CHANNEL = "tokens"
# A connection that died silently is noticed after the sum of these two.
KEEPALIVE_SECONDS = 10.0
ANSWER_SECONDS_MAX = 5.0
RECONNECT_SECONDS_MIN = 0.05
RECONNECT_SECONDS_MAX = 2.0
# Rows of one read, so that the event loop is not blocked for long.
PAGE_ROWS = 2_000

_ID_MAX = 2**31 - 1


class TokenMirror:
    def __init__(self, connect: ConnectFunction, cache: TokenCache) -> None:
        # Set while every notified change has reached the cache.
        self.in_sync = asyncio.Event()
        self._connect = connect
        self._cache = cache
        self._queries = load_queries("services.ingest")
        self._changed: set[int] = set()
        self._wake = asyncio.Event()
        self._log_size = -1

    async def run(self, ending: asyncio.Event) -> None:
        """Until ``ending`` is set; reconnects by itself."""
        backoff = Backoff(min_seconds=RECONNECT_SECONDS_MIN, max_seconds=RECONNECT_SECONDS_MAX)
        while not ending.is_set():
            try:
                await self._follow(ending)
            except AWAY as error:
                if self.in_sync.is_set():
                    backoff.reset()
                self.in_sync.clear()
                seconds = backoff.next_seconds()
                Log().warning(
                    "token_cache.reconnecting", error=type(error).__name__, retry_seconds=seconds
                )
                await wait_for(ending, seconds)

    async def _follow(self, ending: asyncio.Event) -> None:
        """Returns once ``ending`` is set; raises one of AWAY if the connection is lost."""
        connection = await self._connect()
        try:
            connection.add_termination_listener(lambda _: self._wake.set())
            await connection.add_listener(CHANNEL, self._on_notification)
            self._cache.invalidate()
            self._cache.listening = True
            await self._read_all(connection)
            self.in_sync.set()
            while not ending.is_set():
                if not await self._wait_for_change(ending):
                    await self._check_log_size(connection)
                while self._changed:
                    await self._read_changed(connection)
                if connection.is_closed():
                    raise ConnectionResetError
        finally:
            self._cache.listening = False
            self._cache.invalidate()
            connection.terminate()

    def _on_notification(self, *arguments: Any) -> None:
        """Called by asyncpg; the last argument is the payload, an integration's id.

        Every role of the database can send one, so it is only a hint; any other payload is ignored.
        """
        self._cache.invalidate()
        payload = str(arguments[-1])
        if payload.isdecimal() and int(payload) <= _ID_MAX:
            self._changed.add(int(payload))
            self._wake.set()

    async def _wait_for_change(self, ending: asyncio.Event) -> bool:
        """False if nothing happened for KEEPALIVE_SECONDS."""
        waits = [asyncio.create_task(event.wait()) for event in (self._wake, ending)]
        done, pending = await asyncio.wait(
            waits, timeout=KEEPALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for each in pending:
            each.cancel()
        self._wake.clear()
        return bool(done)

    async def _check_log_size(self, connection: Connection[Record]) -> None:
        """Reads all rows if the log grew without a notification; fails on a dead connection."""
        size = await connection.fetchval(self._queries["log_size"], timeout=ANSWER_SECONDS_MAX)
        if size != self._log_size and not self._changed:
            self._log_size = size
            await self._read_all(connection)

    async def _read_changed(self, connection: Connection[Record]) -> None:
        changed, self._changed = self._changed, set()
        rows = await connection.fetch(
            self._queries["tokens_of_integrations"], list(changed), timeout=ANSWER_SECONDS_MAX
        )
        self._cache.replace_integrations(changed, _token_rows(rows))

    async def _read_all(self, connection: Connection[Record]) -> None:
        """The newest TOKENS_MAX, which are nearly always all."""
        tokens: dict[bytes, TokenRow] = {}
        before, complete = _ID_MAX, False
        while not complete and len(tokens) < TOKENS_MAX:
            rows = await connection.fetch(
                self._queries["tokens_before"], before, PAGE_ROWS, timeout=ANSWER_SECONDS_MAX
            )
            tokens |= _token_rows(rows)
            complete = len(rows) < PAGE_ROWS
            before = rows[-1]["token_id"] if rows else 0
        self._cache.replace_all(tokens, complete=complete)


def _token_rows(rows: Iterable[Record]) -> dict[bytes, TokenRow]:
    return {row[0]: TokenRow(*tuple(row)[1:]) for row in rows}
