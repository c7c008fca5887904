"""Rows as ingest and the loader write them, for tests of what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Connection, Record

from events.ids import new_command_id

PEER = "198.51.100.7"


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """``waiting`` and ``failed``: places of the tables that are not loaded."""

    integration_id: int
    token_id: int
    at: datetime
    tables: Sequence[str] = ("orders",)
    records: int = 1
    waiting: Sequence[int] = ()
    failed: Sequence[int] = ()


async def keep(owner: Connection[Record], *pushes: Push) -> None:
    """Receipts and what waits of them, and the use of the tokens."""
    for push in pushes:
        row = await owner.fetchrow(
            "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
            " records, bytes, body_sha256, received_at, log_size, peer)"
            " VALUES ($1, $2, $3, 'push', $4, $5, 10, sha256('x'), $6, 1, $7)"
            " RETURNING number, batch_id",
            new_command_id(), push.integration_id, push.token_id, list(push.tables), push.records,
            push.at, PEER,
        )  # fmt: skip
        assert row is not None
        number, batch_id = row
        for place in (*push.waiting, *push.failed):
            await owner.execute(
                "INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name,"
                " records, bytes, received_at, failed_at, reason)"
                " VALUES ($1, $2, $3, $4, $5, 1, 10, $6, $7, $8)",
                batch_id, place, number, push.integration_id, push.tables[place], push.at,
                push.at if place in push.failed else None,
                "column type" if place in push.failed else None,
            )  # fmt: skip
        await use(owner, push.integration_id, push.token_id, push.at)


async def use(
    owner: Connection[Record], integration_id: int, token_id: int, at: datetime, peer: str = PEER
) -> None:
    await owner.execute(
        "INSERT INTO journal.token_use VALUES ($1, $2, $3, $4, $3, $4)"
        " ON CONFLICT (token_id) DO UPDATE SET last_used_at = $3, last_peer = $4",
        token_id, integration_id, at, peer,
    )  # fmt: skip


async def refuse(
    owner: Connection[Record],
    integration_id: int,
    token_id: int | None,
    at: datetime,
    *,
    reason: str = "token_revoked",
    requests: int = 1,
) -> None:
    minute = at.replace(second=0, microsecond=0)
    await owner.execute(
        "INSERT INTO journal.refusals VALUES ($1, $2, $3, $4, $5, $5, $6, 100, $7)",
        minute, reason, integration_id, token_id, at, requests, PEER,
    )  # fmt: skip


async def thousand_pushes(
    owner: Connection[Record], integration_id: int, token_id: int, until: datetime
) -> None:
    """One every minute, the last one at ``until``."""
    await owner.execute(
        "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
        " records, bytes, body_sha256, received_at, log_size, peer)"
        " SELECT gen_random_uuid(), $1, $2, 'push', '{orders}', 100, 10, sha256('x'),"
        "        $3::timestamptz - (1000 - n) * interval '1 minute', 1, $4"
        "   FROM generate_series(1, 1000) n",
        integration_id, token_id, until, PEER,
    )  # fmt: skip
    await use(owner, integration_id, token_id, until - timedelta(minutes=999))
    await use(owner, integration_id, token_id, until)
