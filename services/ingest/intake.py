"""What every import request goes through, in the order of wire contract 2.5."""

import abc
import asyncio
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from aiohttp import HttpVersion11, web

from protocol.refusals import Refusal
from protocol.refusals.edge import (
    BodyTooLarge,
    InvalidRegion,
    MethodNotAllowed,
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
from services.receiving.http_answers import SuccessResponse
from services.receiving.memory_budget import MemoryBudget, Reservation, unavailable
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
    """A request that was read and parsed; nothing of it has been taken yet."""

    token: PresentedToken
    validated: Validated
    media_type: str
    body: bytes
    # As the journal has it, if it was made together with the check.
    encoded: EncodedBody | None
    request: web.Request


class Intake(abc.ABC):
    """One import endpoint: the common way in, and what is its own."""

    name: ClassVar[str]
    status: ClassVar[int]
    good: ClassVar[bytes]
    # Whether what is good is kept.
    stores: ClassVar[bool] = True

    def __init__(self, services: IngestServices, tokens: TokenLookup) -> None:
        self._services = services
        self._tokens = tokens
        self._good_answer = SuccessResponse(
            status=self.status, body=self.good, clock=services.clock
        )

    @abc.abstractmethod
    def media_type(self, essence: str) -> str:
        """``essence``: the Content-Type in lower case without parameters. Raises a refusal."""

    @abc.abstractmethod
    async def handle(self, parsed: ParsedRequest) -> None:
        """Takes the offer, or raises the refusal that follows when all else is well."""

    async def expect(self, request: web.Request) -> None:
        """``Expect: 100-continue``: libcurl waits for it before it sends a larger body.

        Other expectations are ignored, and one that could only end in 413 gets that at once.
        """
        wanted = request.headers.get("Expect", "").lower() == "100-continue"
        too_large = (request.content_length or 0) > self._services.body_reader.body_bytes_max
        if wanted and not too_large and request.version == HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # It is no part of the answer that follows.
            request.writer.output_size = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            announced = request.content_length
            token = PresentedToken(self._check_before_token(request, announced), self._tokens)
            with Reservation(self._services.memory_budget) as held:
                await self.handle(await self._read(request, token, held, announced))
        except Refusal as refusal:
            return self._services.refusal_reporter.report(request, refusal, endpoint=self.name)
        return self._good_answer.response_to(request)

    def _check_before_token(self, request: web.Request, announced: int | None) -> bytes:
        """What is checked without any knowledge of the token; its hash."""
        if request.method != "POST":
            raise MethodNotAllowed("POST")
        if announced is not None and announced > self._services.body_reader.body_bytes_max:
            raise BodyTooLarge(announced)
        if self._services.refuse_region:
            raise InvalidRegion
        token_hash = presented_token_hash(request, is_known=self._tokens.believes)
        if self._services.body_reader.stopping:
            raise unavailable()
        return token_hash

    async def _read(
        self, request: web.Request, token: PresentedToken, held: Reservation, announced: int | None
    ) -> ParsedRequest:
        # Nothing here waits for an ordinary request, so nothing is awaited for one.
        try:
            media_type = self.media_type(media_type_essence(request))
            coding = body_coding(request)
        except Refusal:
            # A bad token comes before a bad media type.
            await token.look_up()
            raise
        # Nothing is read on the word of a token that nobody knows.
        if not self._tokens.believes(token.hash):
            await token.look_up()
        body = self._services.body_reader.read_if_complete(
            request.content, held, content_length=announced
        )
        if body is None:
            body = await self._services.body_reader.read(
                request.content, held, content_length=announced
            )
        if coding is not None:
            # In a thread: a few bytes may become many, and this gives the interpreter away.
            bytes_max = self._services.body_reader.body_bytes_max
            body = await asyncio.to_thread(inflate, body, coding, bytes_max=bytes_max)
            held.reserve(len(body))
        validated, encoded = self._validate_inline(
            body, media_type
        ) or await self._validate_in_worker(body, media_type, token.hash)
        if (
            validated.refusal_before_owner_check is not None
            or validated.refusal_after_owner_check is not None
        ):
            refusal = admit(await token.look_up(), validated)
            assert refusal is not None, "a request that failed a check was let in"
            raise refusal
        return ParsedRequest(token, validated, media_type, body, encoded, request)

    def _validate_inline(self, body: bytes, media_type: str) -> ValidationResult | None:
        if not validates_inline(self.name, body, media_type):
            return None
        try:
            return ValidationResult(check(self.name, body, media_type, work_max=INLINE_WORK_MAX))
        except TooExpensiveInline:
            return None

    async def _validate_in_worker(
        self, body: bytes, media_type: str, token_hash: bytes
    ) -> ValidationResult:
        question = Job(self.name, media_type, self.stores)
        integration_id = self._tokens.owner_of(token_hash).integration_id
        return await self._services.validation_workers.validate(question, body, integration_id)
