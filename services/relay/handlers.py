"""The relay's import endpoints: validated and answered as ingest does, stored in an outbox.

The access token of a client is not checked, because the relay sends with its own; ``access``
decides who may call.
"""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from protocol.refusals import Refusal
from protocol.refusals.edge import BodyTooLarge, MethodNotAllowed, ServiceUnavailable
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
    """What the endpoints share. ``secret`` None: callers are not authenticated."""

    outbox: Outbox
    memory_budget: MemoryBudget
    body_reader: BodyReader
    validation_workers: ValidationWorkers
    clock: Clock
    secret: Secret | None


class EndpointHandler:
    """Serves one endpoint: reads, validates, stores and answers."""

    def __init__(self, endpoint: Endpoint, services: RelayServices) -> None:
        self._endpoint = endpoint
        self._services = services
        self._success = SuccessResponse(
            status=endpoint.status,
            body=endpoint.body,
            clock=services.clock,
            counted=INGEST_REQUESTS.labels(endpoint.name, str(endpoint.status)),
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_before_body(request)
            with Reservation(self._services.memory_budget) as reservation:
                await self._receive(request, reservation)
        except Refusal as refusal:
            return refusal_response(refusal, self._endpoint.name)
        return self._success.response_to(request)

    def _check_before_body(self, request: web.Request) -> None:
        if request.method != "POST":
            raise MethodNotAllowed("POST")
        content_length = request.content_length or 0
        if content_length > self._services.body_reader.body_bytes_max:
            raise BodyTooLarge(content_length)
        check_caller(request, self._services.secret)
        if self._services.body_reader.stopping:
            raise ServiceUnavailable

    async def _receive(self, request: web.Request, reservation: Reservation) -> None:
        media_type = media_type_essence(request)
        self._endpoint.check_media_type(media_type)
        body = await self._body(request, reservation)
        validated = await self._validated(body, media_type)
        # Only the gate knows the owner of the token. All other refusals are decided here, so that
        # they reach the client that made the body and the body never gets into the outbox.
        if validated.refusal is not None:
            raise validated.refusal
        if self._endpoint.stores:
            await self._store(request, body, media_type, validated)

    async def _body(self, request: web.Request, reservation: Reservation) -> bytes:
        coding = body_coding(request)
        reader = self._services.body_reader
        body = await reader.read(
            request.content, reservation, content_length=request.content_length
        )
        if coding is None:
            return body
        body = await asyncio.to_thread(inflate, body, coding, bytes_max=reader.body_bytes_max)
        reservation.reserve(len(body))
        return body

    async def _validated(self, body: bytes, media_type: str) -> Validated:
        name = self._endpoint.name
        if validates_inline(name, body, media_type):
            return check(name, body, media_type)
        job = Job(name, media_type, encode=False)
        return (await self._services.validation_workers.validate(job, body)).validated

    async def _store(
        self, request: web.Request, body: bytes, media_type: str, validated: Validated
    ) -> None:
        entry = entry_of(
            self._endpoint.name,
            body,
            media_type,
            validated,
            self._services.clock,
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )
        try:
            await self._services.outbox.append(entry)
        except (OutboxFull, DiskFull):
            raise ServiceUnavailable from None
