"""Receipts as lines, and sealing them on demand."""

from __future__ import annotations

from dataclasses import asdict

import asyncpg
from aiohttp import web

from events.sql_files import load_queries
from services.history.access import POOL, only, only_account, others_hashed, refusal, whole_number
from services.history.events_api import BEFORE_ALL, NUMBER_MAX, Feed
from services.history.seals import Sealer

LAST_RECEIPT = "Pushgate-Last-Receipt"


class Receipts:
    def __init__(self, feed: Feed, sealer: Sealer) -> None:
        self._feed = feed
        self._sealer = sealer

    async def receipts(self, request: web.Request) -> web.StreamResponse:
        """GET /receipts: NDJSON in order of number, each line the text that a seal covers."""
        only(request, "after", "until", "others")
        after = whole_number(request, "after", BEFORE_ALL, least=BEFORE_ALL, most=NUMBER_MAX)
        last = await request.app[POOL].fetchval(load_queries("services.history")["last_receipt"])
        until = min(whole_number(request, "until", last, least=0, most=NUMBER_MAX), last)
        headers = {LAST_RECEIPT: str(last)}
        shown = (only_account(request), others_hashed(request))
        return await self._feed.whole(request, "whole_receipts", (after, until, *shown), headers)

    async def seal(self, request: web.Request) -> web.Response:
        """POST /receipts/seal: the seals that were made, none when all is sealed already.

        503 with ``Retry-After`` when it has to be asked again, 409 when the log is halted.
        """
        only(request)
        try:
            seals = await self._sealer.seal()
        except asyncpg.LockNotAvailableError:
            message = "Pushes that are being written hold the seal up; ask again."
            return refusal(503, message, retry=True)
        except asyncpg.SerializationError:
            return refusal(503, "Another process was sealing; ask again.", retry=True)
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            return refusal(409, f"No seal can be written: {error}.")
        return web.json_response([asdict(seal) for seal in seals])
