"""What the journal holds of one integration."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from asyncpg import Connection, Record


class Journal:
    def __init__(self, owner: Connection[Record], integration_id: int) -> None:
        self._owner = owner
        self._integration_id = integration_id

    async def count(self) -> int:
        return len(await self.receipts())

    async def receipts(self) -> list[dict[str, Any]]:
        """In order of insertion."""
        rows = await self._owner.fetch(
            "SELECT * FROM journal.receipts WHERE integration_id = $1 ORDER BY number",
            self._integration_id,
        )
        return [dict(row) for row in rows]

    async def bodies(self) -> list[dict[str, Any]]:
        """With the partition that each lies in, and the one of its day."""
        rows = await self._owner.fetch(
            "SELECT b.*, b.tableoid::regclass::text AS lies_in,"
            "       to_char(b.received_at, '\"journal.bodies_\"YYYYMMDD') AS of_its_day"
            "  FROM journal.bodies b JOIN journal.receipts r USING (batch_id)"
            " WHERE r.integration_id = $1 ORDER BY r.number",
            self._integration_id,
        )
        return [dict(row) for row in rows]

    async def pending(self) -> list[dict[str, Any]]:
        rows = await self._owner.fetch(
            "SELECT * FROM journal.pending WHERE integration_id = $1 ORDER BY number, place",
            self._integration_id,
        )
        return [dict(row) for row in rows]

    async def moments_of_groups(self) -> list[list[datetime]]:
        """When the receipts of each group were received, in the order of their numbers."""
        rows = await self._owner.fetch(
            "SELECT array_agg(received_at ORDER BY number) FROM journal.receipts"
            " WHERE integration_id = $1 GROUP BY xmin::text",
            self._integration_id,
        )
        return [row[0] for row in rows]

    async def group_sizes(self) -> Counter[int]:
        """Of the groups that were committed: what one transaction wrote has one xmin."""
        rows = await self._owner.fetch(
            "SELECT count(*) FROM journal.receipts WHERE integration_id = $1 GROUP BY xmin",
            self._integration_id,
        )
        return Counter(row[0] for row in rows)
