"""Reading and validating an import request, in the order of checks of wire contract 2.5."""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

from protocol.refusals import Refusal
from protocol.refusals.edge import (
    BodyTooLarge,
    InvalidRegion,
    MethodNotAllowed,
    ServiceUnavailable,
)
from protocol.schemas.compiled import TooExpensiveInline
from protocol.validation import Validated
from services.ingest.admission import admit
from services.ingest.auth import presented_token_hash
from services.ingest.reporting.refusal_reporter import RefusalReporter
from services.ingest.token_cache.lookup import PresentedToken, TokenLookup
from services.journal.bodies import EncodedBody
from services.receiving.body_headers import body_coding, media_type_essence
from services.receiving.body_reader import BodyReader
from services.receiving.check import Job, ValidationResult, check
from services.receiving.decompress import inflate
from services.receiving.endpoint import Endpoint
from services.receiving.memory_budget import MemoryBudget, Reservation
from services.receiving.validation_workers.pool import (
    INLINE_WORK_MAX,
    ValidationWorkers,
    validates_inline,
)
from services.runtime.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestServices:
    """What the endpoints of one program share."""

    memory_budget: MemoryBudget
    body_reader: BodyReader
    validation_workers: ValidationWorkers
    refusal_reporter: RefusalReporter
    clock: Clock
    refuse_region: bool
    behind_proxy: bool


class ParsedRequest(NamedTuple):
    """A request with a valid body; nothing of it is stored yet."""

    token: PresentedToken
    validated: Validated
    media_type: str
    body: bytes
    # Encoded by the worker process that validated the body; None if it was validated inline.
    encoded: EncodedBody | None
    request: web.Request


class Intake:
    """Reads and validates the requests of one endpoint."""

    def __init__(self, endpoint: Endpoint, services: IngestServices, tokens: TokenLookup) -> None:
        self._endpoint = endpoint
        self._services = services
        self._tokens = tokens

    def check_head(self, request: web.Request, content_length: int | None) -> PresentedToken:
        """Everything that needs neither the body nor the token's row."""
        if request.method != "POST":
            raise MethodNotAllowed("POST")
        reader = self._services.body_reader
        if content_length is not None and content_length > reader.body_bytes_max:
            raise BodyTooLarge(content_length)
        if self._services.refuse_region:
            raise InvalidRegion
        token_hash = presented_token_hash(request, is_known=self._tokens.is_cached)
        if reader.stopping:
            raise ServiceUnavailable
        return PresentedToken(token_hash, self._tokens)

    async def read(
        self,
        request: web.Request,
        token: PresentedToken,
        reservation: Reservation,
        content_length: int | None,
    ) -> ParsedRequest:
        """Raises the first refusal that applies before the request is stored.

        An ordinary request never waits here: its token is cached, its body has arrived with its
        headers and is validated inline.
        """
        try:
            media_type = media_type_essence(request)
            self._endpoint.check_media_type(media_type)
            coding = body_coding(request)
        except Refusal:
            # The refusal of a bad token comes before that of a bad media type.
            await token.look_up()
            raise
        # No body is read for a token that may not exist.
        if not self._tokens.is_cached(token.hash):
            await token.look_up()
        reader = self._services.body_reader
        body = reader.read_if_complete(request.content, reservation, content_length=content_length)
        if body is None:
            body = await reader.read(request.content, reservation, content_length=content_length)
        if coding is not None:
            # In a thread: a few bytes may become many, and zlib releases the interpreter lock.
            bytes_max = reader.body_bytes_max
            body = await asyncio.to_thread(inflate, body, coding, bytes_max=bytes_max)
            reservation.reserve(len(body))
        validated, encoded = self._validate_inline(
            body, media_type
        ) or await self._validate_in_worker(body, media_type, token.hash)
        if (
            validated.refusal_before_owner_check is not None
            or validated.refusal_after_owner_check is not None
        ):
            refusal = admit(await token.look_up(), validated)
            assert refusal is not None, "a request that failed validation was admitted"
            raise refusal
        return ParsedRequest(token, validated, media_type, body, encoded, request)

    def _validate_inline(self, body: bytes, media_type: str) -> ValidationResult | None:
        """None: it would block the event loop for too long."""
        name = self._endpoint.name
        if not validates_inline(name, body, media_type):
            return None
        try:
            return ValidationResult(check(name, body, media_type, work_max=INLINE_WORK_MAX))
        except TooExpensiveInline:
            return None

    async def _validate_in_worker(
        self, body: bytes, media_type: str, token_hash: bytes
    ) -> ValidationResult:
        job = Job(self._endpoint.name, media_type, encode=self._endpoint.stores)
        integration_id = self._tokens.owner_of(token_hash).integration_id
        return await self._services.validation_workers.validate(job, body, integration_id)
