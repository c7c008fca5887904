"""The relay's import endpoints: the checks and answers of ingest, and an outbox behind them.

The token a client sends is not looked at, because the relay sends with its own: who may call is
decided by ``callers``. Where the address is not this machine's alone, a secret is asked for.
"""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from protocol.refusals import Refusal
from protocol.refusals.edge import (
    BodyTooLarge,
    MethodNotAllowed,
    ServiceUnavailable,
)
from protocol.validation import Validated
from pushgate_client import DiskFull, Outbox, OutboxFull
from services.receiving.body_headers import body_coding, media_type_essence
from services.receiving.body_reader import BodyReader
from services.receiving.check import Job, check
from services.receiving.decompress import inflate
from services.receiving.endpoint import Endpoint
from services.receiving.http_answers import SuccessResponse, refusal_response
from services.receiving.memory_budget import MemoryBudget, Reservation
from services.receiving.validation_workers.pool import ValidationWorkers, validates_inline
from services.relay.access import check_caller
from services.relay.entries import entry_of
from services.runtime.clock import Clock
from services.runtime.config import Secret
from services.runtime.metrics import INGEST_REQUESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayServices:
    """What the endpoints share. ``secret`` None: nobody is asked who they are."""

    outbox: Outbox
    memory_budget: MemoryBudget
    body_reader: BodyReader
    validation_workers: ValidationWorkers
    clock: Clock
    secret: Secret | None


class RelayEndpoint:
    """One endpoint: reads, checks, answers. ``push`` and ``batch`` keep what is good."""

    def __init__(self, endpoint: Endpoint, services: RelayServices) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._services = services
        self._good = SuccessResponse(
            status=endpoint.status,
            body=endpoint.body,
            clock=services.clock,
            counted=INGEST_REQUESTS.labels(endpoint.name, str(endpoint.status)),
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            self._before_the_body(request)
            with Reservation(self._services.memory_budget) as held:
                await self._take(request, held)
        except Refusal as refusal:
            return refusal_response(refusal, self.name)
        return self._good.response_to(request)

    def _before_the_body(self, request: web.Request) -> None:
        if request.method != "POST":
            raise MethodNotAllowed("POST")
        if (announced := request.content_length or 0) > self._services.body_reader.body_bytes_max:
            raise BodyTooLarge(announced)
        check_caller(request, self._services.secret)
        if self._services.body_reader.stopping:
            raise ServiceUnavailable

    async def _take(self, request: web.Request, held: Reservation) -> None:
        media_type = media_type_essence(request)
        self._endpoint.check_media_type(media_type)
        coding = body_coding(request)
        readings = self._services.body_reader
        body = await readings.read(request.content, held, content_length=request.content_length)
        if coding is not None:
            bytes_max = readings.body_bytes_max
            body = await asyncio.to_thread(inflate, body, coding, bytes_max=bytes_max)
            held.reserve(len(body))
        checked = await self._checked(body, media_type)
        # Whose it is only the gate knows; everything else is decided here, so that a body that
        # nobody would take is refused to whoever made it, and never lies in the outbox.
        if checked.refusal is not None:
            raise checked.refusal
        if self._endpoint.stores:
            name = request.headers.get("Idempotency-Key", "")
            await self._store(body, media_type, checked, name)

    async def _checked(self, body: bytes, media_type: str) -> Validated:
        if validates_inline(self.name, body, media_type):
            return check(self.name, body, media_type)
        question = Job(self.name, media_type, encode=False)
        return (await self._services.validation_workers.validate(question, body)).validated

    async def _store(self, body: bytes, media_type: str, checked: Validated, name: str) -> None:
        clock = self._services.clock
        entry = entry_of(self.name, body, media_type, checked, clock, idempotency_key=name)
        try:
            await self._services.outbox.append(entry)
        except (OutboxFull, DiskFull):
            raise ServiceUnavailable from None
