"""GET /tokens/N and /tokens/N/receipts: a token's history and the receipts of its pushes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from asyncpg import Record

from events.sql_files import load_queries
from services.history.access import (
    POOL,
    allow_parameters,
    integer_parameter,
    visible_account,
)
from services.history.events_api import BEFORE_ALL, NUMBER_MAX, EventsApi

ID_MAX = 2**31 - 1
NEVER_GENERATED = "no such token has ever been generated"


class TokensApi:
    def __init__(self, events_api: EventsApi) -> None:
        self._events_api = events_api

    async def token(self, request: web.Request) -> web.Response:
        """GET /tokens/N or /tokens/by-hash/H. H is the SHA-256 of the token's text."""
        allow_parameters(request)
        token_hash = request.match_info.get("token_hash")
        row = await request.app[POOL].fetchrow(
            load_queries("services.history")["token"],
            _token_id(request) if token_hash is None else None,
            None if token_hash is None else bytes.fromhex(token_hash),
            visible_account(request),
        )
        if row is None:
            raise web.HTTPNotFound(reason=NEVER_GENERATED)
        return web.json_response(_token_json(row))

    async def receipts(self, request: web.Request) -> web.StreamResponse:
        """GET /tokens/N/receipts: NDJSON in order of number, each with its tables' states."""
        allow_parameters(request, "after")
        after = integer_parameter(
            request, "after", BEFORE_ALL, minimum=BEFORE_ALL, maximum=NUMBER_MAX
        )
        values = (_token_id(request), after, visible_account(request))
        return await self._events_api.stream_all(request, "stream_token_receipts", values, {})


def _token_id(request: web.Request) -> int:
    token_id = int(request.match_info["token_id"])
    if not 0 < token_id <= ID_MAX:
        raise web.HTTPNotFound(reason=NEVER_GENERATED)
    return token_id


def _token_json(row: Record) -> dict[str, Any]:
    return {
        "token_id": row["token_id"],
        "integration_id": row["integration_id"],
        "schema_name": row["schema_name"],
        "generated": _fact(row["generated_number"], row["generated_at"], row["generated_by"]),
        "revoked": _fact(row["revoked_number"], row["revoked_at"], row["revoked_by"]),
    }


def _fact(number: int | None, at: datetime | None, actor: str | None) -> dict[str, Any] | None:
    if number is None or at is None:
        return None
    return {"number": number, "time": at.isoformat().replace("+00:00", "Z"), "actor": actor}
