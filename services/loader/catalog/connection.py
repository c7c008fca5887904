"""A slot's connection to the destination, which lets parsing run during long statements."""

from __future__ import annotations

from asyncpg import Connection, Record

from services.loader.parsing.parse_throttle import ParseThrottle


class DestinationConnection:
    """An asyncpg connection, of which the loader uses these methods.

    Use ``execute_long`` and ``fetch_long`` for statements over many rows.
    """

    def __init__(self, connection: Connection[Record], throttle: ParseThrottle) -> None:
        self._connection = connection
        self._throttle = throttle
        self.execute = connection.execute
        self.fetch = connection.fetch
        self.fetchval = connection.fetchval
        self.transaction = connection.transaction
        self.copy_records_to_table = connection.copy_records_to_table

    async def execute_long(self, statement: str, *values: object) -> int:
        """Returns how many rows were inserted, updated or deleted; 0 for a DDL statement."""
        _, status = await self._run_long(statement, values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def fetch_long(self, statement: str, *values: object) -> list[Record]:
        rows, _ = await self._run_long(statement, values)
        return rows

    async def _run_long(
        self, statement: str, values: tuple[object, ...]
    ) -> tuple[list[Record], str]:
        """It is prepared first, so that it has been sent when parsing takes over."""
        prepared = await self._connection.prepare(statement)
        with self._throttle.background():
            rows = await prepared.fetch(*values)
        return rows, prepared.get_statusmsg() or ""
