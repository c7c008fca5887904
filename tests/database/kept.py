"""Connections that outlive a test: a new one costs more than most tests do with it.

A session of Postgres reads the descriptions of all tables that it touches, and plans each statement
that it is given; one that did so for the test before is ten times faster.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Self

from asyncpg import Connection, Record

from services.runtime.database import connect

# What `reset` leaves behind.
_ALSO_FORGOTTEN = "SET SESSION AUTHORIZATION DEFAULT; DISCARD TEMP; DISCARD SEQUENCES"


class KeptConnections:
    """``async with``; one for each role of the one database, for one test at a time."""

    def __init__(self, database_url: str) -> None:
        self._name = _database_of(database_url)
        self._kept: dict[str, Connection[Record]] = {}

    async def as_new(self, url: str) -> Connection[Record]:
        """Without settings, listeners, temporary tables or a transaction of the test before."""
        connection = self._kept.get(url)
        if connection is None or connection.is_closed():
            connection = self._kept[url] = await connect(url, application_name="test")
        else:
            await connection.reset()
            await connection.execute(_ALSO_FORGOTTEN)
        return connection

    @contextlib.asynccontextmanager
    async def lent(self, url: str) -> AsyncGenerator[Connection[Record]]:
        """To another database, one that is opened and closed."""
        if _database_of(url) == self._name:
            yield await self.as_new(url)
            return
        connection = await connect(url, application_name="test")
        yield connection
        await connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._kept.values():
            await connection.close()


def _database_of(url: str) -> str:
    return url.rpartition("/")[2]
