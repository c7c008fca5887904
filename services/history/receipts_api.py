"""GET /receipts and /receipts/at, POST /receipts/seal: receipts, and sealing them on demand."""

from __future__ import annotations

from dataclasses import asdict

import asyncpg
from aiohttp import web

from events.sql_files import load_queries
from services.history.access import (
    POOL,
    BadQuery,
    allow_parameters,
    error_response,
    hash_others,
    integer_parameter,
    visible_account,
)
from services.history.events_api import (
    BEFORE_ALL,
    NUMBER_MAX,
    EventsApi,
    checked_text,
    time_parameter,
)
from services.history.seals import Sealer

LAST_RECEIPT = "Pushgate-Last-Receipt"
RECEIPTS_AT_TIME_MAX = 100


class ReceiptsApi:
    def __init__(self, events_api: EventsApi, sealer: Sealer) -> None:
        self._events_api = events_api
        self._sealer = sealer

    async def receipts(self, request: web.Request) -> web.StreamResponse:
        """GET /receipts: NDJSON in order of number, each line the text that a seal covers."""
        allow_parameters(request, "after", "until", "others")
        after = integer_parameter(
            request, "after", BEFORE_ALL, minimum=BEFORE_ALL, maximum=NUMBER_MAX
        )
        last = await request.app[POOL].fetchval(load_queries("services.history")["last_receipt"])
        until = min(integer_parameter(request, "until", last, minimum=0, maximum=NUMBER_MAX), last)
        headers = {LAST_RECEIPT: str(last)}
        shown = (visible_account(request), hash_others(request))
        return await self._events_api.stream_all(
            request, "stream_all_receipts", (after, until, *shown), headers
        )

    async def received_at(self, request: web.Request) -> web.Response:
        """GET /receipts/at?schema=&moment=: the receipts of that time, usually one."""
        allow_parameters(request, "schema", "moment")
        at = time_parameter(request, "moment")
        if at is None or "schema" not in request.query:
            raise BadQuery("schema and moment are required")
        rows = await request.app[POOL].fetch(
            load_queries("services.history")["receipts_at"],
            checked_text(request.query["schema"], "schema"),
            at,
            RECEIPTS_AT_TIME_MAX,
            visible_account(request),
        )
        body = "[" + ",".join(row["text"] for row in rows) + "]"
        return web.Response(text=body, content_type="application/json")

    async def seal(self, request: web.Request) -> web.Response:
        """POST /receipts/seal: the new seals, none when every receipt is sealed already.

        503 with ``Retry-After`` when the request should be retried, 409 when the log is halted.
        """
        allow_parameters(request)
        try:
            seals = await self._sealer.seal()
        except asyncpg.LockNotAvailableError:
            message = "Pushes in progress delay the seal; try again."
            return error_response(503, message, retry=True)
        except asyncpg.SerializationError:
            return error_response(503, "Another process is sealing; try again.", retry=True)
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            return error_response(409, f"The seal cannot be written: {error}.")
        return web.json_response([asdict(seal) for seal in seals])
