"""What every import request goes through, in the order of wire contract 2.5."""

import abc
import asyncio
import contextlib
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import HttpVersion11, web

from protocol.refusals import Refusal
from protocol.refusals.edge import (
    BodyTooLarge,
    InvalidRegion,
    MethodNotAllowed,
)
from protocol.schemas.compiled import TooDearHere
from protocol.shapes import Checked
from services.ingest.admission import admit
from services.ingest.answers import GoodAnswer, refused
from services.ingest.auth import presented_hash
from services.ingest.body_headers import body_coding, media_type_essence
from services.ingest.checking.checkers import WORK_HERE_MAX, Checkers, is_small
from services.ingest.checking.frames import Judged, Question, check
from services.ingest.counts import NOBODY, Counts
from services.ingest.in_flight import Held, InFlight, unavailable
from services.ingest.inflate import inflate
from services.ingest.journal.bodies import Kept
from services.ingest.journal.push_lines import PushLines
from services.ingest.reading import Readings
from services.ingest.token_lookup import PresentedToken, TokenLookup
from services.runtime.clock import Clock
from services.runtime.http import caller_address, given_request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the endpoints of one program share."""

    in_flight: InFlight
    readings: Readings
    checkers: Checkers
    lines: PushLines
    counts: Counts
    clock: Clock
    refuse_region: bool
    behind_proxy: bool


@dataclass(slots=True, kw_only=True)
class Offer:
    """A request that was read and parsed; nothing of it has been taken yet."""

    token: PresentedToken
    checked: Checked
    media_type: str
    body: bytes
    # As the journal has it, if it was made together with the check.
    kept: Kept | None
    peer: str | None
    request_id: str | None
    idempotency_key: str


class Intake(abc.ABC):
    """One import endpoint: the common way in, and what is its own."""

    name: ClassVar[str]
    status: ClassVar[int]
    good: ClassVar[bytes]
    # Whether what is good is kept.
    keeps: ClassVar[bool] = True

    def __init__(self, gate: Gate, tokens: TokenLookup) -> None:
        self._gate = gate
        self._tokens = tokens
        self._good_answer = GoodAnswer(
            self.name, status=self.status, body=self.good, clock=gate.clock
        )

    @abc.abstractmethod
    def media_type(self, essence: str) -> str:
        """``essence``: the Content-Type in lower case without parameters. Raises a refusal."""

    @abc.abstractmethod
    async def settle(self, offer: Offer) -> None:
        """Takes the offer, or raises the refusal that follows when all else is well."""

    async def expect(self, request: web.Request) -> None:
        """``Expect: 100-continue``: libcurl waits for it before it sends a larger body.

        Other expectations are ignored, and one that could only end in 413 gets that at once.
        """
        wanted = request.headers.get("Expect", "").lower() == "100-continue"
        too_large = (request.content_length or 0) > self._gate.readings.body_bytes_max
        if wanted and not too_large and request.version == HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # It is no part of the answer that follows.
            request.writer.output_size = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            token = PresentedToken(self._before_the_token(request), self._tokens)
            with Held(self._gate.in_flight) as held:
                await self.settle(await self._read(request, token, held))
        except Refusal as refusal:
            self._tell(request, refusal)
            return refused(refusal, self.name)
        return self._good_answer.to(request)

    def _tell(self, request: web.Request, refusal: Refusal) -> None:
        """In the log and in the counts; whose it was only as far as that is remembered."""
        try:
            whose = self._tokens.whose(presented_hash(request))
        except Refusal:
            whose = NOBODY
        self._gate.lines.refused(
            refusal, endpoint=self.name, request_id=given_request_id(request), whose=whose
        )
        body_bytes = request.content_length
        if body_bytes is None:
            body_bytes = request.content.total_bytes
        self._gate.counts.refused(
            refusal.code,
            whose,
            now=self._gate.clock.now(),
            body_bytes=min(body_bytes, self._gate.readings.body_bytes_max),
            peer=caller_address(request, behind_proxy=self._gate.behind_proxy),
        )

    def _before_the_token(self, request: web.Request) -> bytes:
        """What is checked without any knowledge of the token; its hash."""
        if request.method != "POST":
            raise MethodNotAllowed("POST")
        announced = request.content_length
        if announced is not None and announced > self._gate.readings.body_bytes_max:
            raise BodyTooLarge(announced)
        if self._gate.refuse_region:
            raise InvalidRegion
        token_hash = presented_hash(request)
        if self._gate.readings.stopping:
            raise unavailable()
        return token_hash

    async def _read(self, request: web.Request, token: PresentedToken, held: Held) -> Offer:
        try:
            media_type = self.media_type(media_type_essence(request))
            coding = body_coding(request)
        except Refusal:
            # A bad token comes before a bad media type.
            await token.found()
            raise
        # Nothing is read on the word of a token that nobody knows.
        await token.confirm()
        body = await self._gate.readings.read(
            request.content, held, announced=request.content_length
        )
        if coding is not None:
            # In a thread: a few bytes may become many, and this gives the interpreter away.
            bytes_max = self._gate.readings.body_bytes_max
            body = await asyncio.to_thread(inflate, body, coding, bytes_max=bytes_max)
            held.take(len(body))
        checked, kept = await self._judged(body, media_type)
        if checked.early is not None or checked.late is not None:
            refusal = admit(await token.found(), checked)
            assert refusal is not None, "a request that failed a check was let in"
            raise refusal
        return Offer(
            token=token,
            checked=checked,
            media_type=media_type,
            body=body,
            kept=kept,
            peer=caller_address(request, behind_proxy=self._gate.behind_proxy),
            request_id=given_request_id(request),
            idempotency_key=request.headers.get("Idempotency-Key", "").strip(),
        )

    async def _judged(self, body: bytes, media_type: str) -> Judged:
        if is_small(self.name, body, media_type):
            with contextlib.suppress(TooDearHere):
                return Judged(check(self.name, body, media_type, work_max=WORK_HERE_MAX))
        return await self._gate.checkers.judge(Question(self.name, media_type, self.keeps), body)
