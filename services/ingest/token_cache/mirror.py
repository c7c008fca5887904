"""Keeps what is believed of tokens up to date: a copy of ``active_tokens`` in memory.

It listens first and reads then, so that no change falls between. A notification names an
integration, whose rows are read again; after each reconnect the whole table is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from asyncpg import Connection, Record

from events.sql_files import load_queries
from services.ingest.admission import Token
from services.ingest.token_cache.cache import TOKENS_MAX, TokenCache
from services.runtime.clock import wait_for
from services.runtime.database import AWAY, ConnectFunction
from services.runtime.logs import Log

CHANNEL = "tokens"
# A connection that died without a word is noticed after these two together.
KEEPALIVE_SECONDS = 10.0
ANSWER_SECONDS_MAX = 5.0
# After a connection was lost or not to be had; the last one repeats.
RECONNECT_PAUSES_SECONDS = (0.05, 0.2, 1.0, 2.0)
# Rows that are read at once: the loop is not held up for longer than they take.
PAGE_ROWS = 2_000

_ID_MAX = 2**31 - 1


class TokenMirror:
    def __init__(self, connect: ConnectFunction, cache: TokenCache) -> None:
        # Set while the copy is as new as its notifications.
        self.in_sync = asyncio.Event()
        self._connect = connect
        self._cache = cache
        self._queries = load_queries("services.ingest")
        self._changed: set[int] = set()
        self._wake = asyncio.Event()
        self._log_size = -1

    async def run(self, ending: asyncio.Event) -> None:
        """Until told to end; a connection that is lost is made anew."""
        pauses = iter(RECONNECT_PAUSES_SECONDS)
        while not ending.is_set():
            try:
                await self._follow(ending)
            except AWAY as error:
                if self.in_sync.is_set():
                    pauses = iter(RECONNECT_PAUSES_SECONDS)
                self.in_sync.clear()
                seconds = next(pauses, RECONNECT_PAUSES_SECONDS[-1])
                Log().warning("mirror.waiting", error=type(error).__name__, retry_seconds=seconds)
                await wait_for(ending, seconds)

    async def _follow(self, ending: asyncio.Event) -> None:
        """Returns when told to end; raises one of AWAY when the connection is lost."""
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

    def _on_notification(self, *words: Any) -> None:
        """Called by the connection; the last of ``words`` is the notification's text.

        Anybody in the database can send one. It is a hint, so what names no integration is none.
        """
        self._cache.invalidate()
        text = str(words[-1])
        if text.isdecimal() and int(text) <= _ID_MAX:
            self._changed.add(int(text))
            self._wake.set()

    async def _wait_for_change(self, ending: asyncio.Event) -> bool:
        """False when LOOK_SECONDS have passed without a word."""
        waits = [asyncio.create_task(event.wait()) for event in (self._wake, ending)]
        done, late = await asyncio.wait(
            waits, timeout=KEEPALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for each in late:
            each.cancel()
        self._wake.clear()
        return bool(done)

    async def _check_log_size(self, connection: Connection[Record]) -> None:
        """Whether the connection lives, and the log grew without a word about tokens."""
        size = await connection.fetchval(self._queries["log_size"], timeout=ANSWER_SECONDS_MAX)
        if size != self._log_size and not self._changed:
            self._log_size = size
            await self._read_all(connection)

    async def _read_changed(self, connection: Connection[Record]) -> None:
        changed, self._changed = self._changed, set()
        rows = await connection.fetch(
            self._queries["tokens_of_integrations"], list(changed), timeout=ANSWER_SECONDS_MAX
        )
        self._cache.replace_integrations(changed, _tokens(rows))

    async def _read_all(self, connection: Connection[Record]) -> None:
        """The newest TOKENS_MAX, which are nearly always all."""
        tokens: dict[bytes, Token] = {}
        before, whole = _ID_MAX, False
        while not whole and len(tokens) < TOKENS_MAX:
            rows = await connection.fetch(
                self._queries["tokens_before"], before, PAGE_ROWS, timeout=ANSWER_SECONDS_MAX
            )
            tokens |= _tokens(rows)
            whole = len(rows) < PAGE_ROWS
            before = rows[-1]["token_id"] if rows else 0
        self._cache.replace_all(tokens, complete=whole)


def _tokens(rows: Iterable[Record]) -> dict[bytes, Token]:
    return {row[0]: Token(*tuple(row)[1:]) for row in rows}
