"""An integration's access tokens and their use."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from asyncpg import Pool, Record

from events.ids import IntegrationId
from events.sql_files import load_queries
from services.tokens.web.data.receipts import DAY

REVOKED_SHOWN = 10


class ActiveToken(NamedTuple):
    """``first_peer``, ``last_peer``: IP addresses. Use is recorded a few seconds after the push."""

    token_id: int
    last_four: str
    generated_at: datetime
    generated_by: str
    label: str | None
    first_used_at: datetime | None
    first_peer: str | None
    last_used_at: datetime | None
    last_peer: str | None


class RevokedToken(NamedTuple):
    """``refused``: requests with this token in the last 24 hours."""

    token_id: int
    last_four: str
    generated_at: datetime
    revoked_at: datetime
    revoked_by: str
    label: str | None
    last_used_at: datetime | None
    last_peer: str | None
    refused: int
    last_refused_at: datetime | None
    refused_peer: str | None


async def active_tokens(pool: Pool[Record], integration_id: IntegrationId) -> list[ActiveToken]:
    """Newest first."""
    query = load_queries("services.tokens.web")["active_tokens_in_use"]
    return [ActiveToken(*row) for row in await pool.fetch(query, integration_id)]


async def revoked_tokens(
    pool: Pool[Record], integration_id: IntegrationId, now: datetime
) -> list[RevokedToken]:
    """The most recently revoked first, at most ``REVOKED_SHOWN``."""
    query = load_queries("services.tokens.web")["revoked_tokens"]
    rows = await pool.fetch(query, integration_id, REVOKED_SHOWN, now - DAY)
    return [RevokedToken(*row) for row in rows]
