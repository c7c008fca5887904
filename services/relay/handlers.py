"""The relay's import endpoints: the checks and answers of ingest, and an outbox behind them.

The token a client sends is not looked at, because the relay sends with its own: who may call is
decided by ``callers``. Where the address is not this machine's alone, a secret is asked for.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from protocol.refusals import Refusal
from protocol.refusals.edge import (
    BodyTooLarge,
    MethodNotAllowed,
    ServiceUnavailable,
)
from protocol.validation import Validated
from pushgate_client import DiskFull, Outbox, OutboxFull
from services.ingest.admission import ASSUMED_ACTIVE, admit
from services.ingest.batch import batch_media_type
from services.ingest.push import push_media_type
from services.ingest.storing import StoringIntake
from services.ingest.validate import ValidateIntake
from services.receiving.body_headers import body_coding, media_type_essence
from services.receiving.body_reader import Readings
from services.receiving.decompress import inflate
from services.receiving.http_answers import GoodAnswer, refused
from services.receiving.memory_budget import RETRY_AFTER_SECONDS, Held, InFlight
from services.receiving.validation_workers.ipc import Question, check
from services.receiving.validation_workers.pool import Checkers, is_small
from services.relay.access import check_caller
from services.relay.entries import entry_of
from services.runtime.clock import Clock
from services.runtime.config import Secret
from services.runtime.metrics import INGEST_REQUESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """What the endpoints share. ``secret`` None: nobody is asked who they are."""

    outbox: Outbox
    in_flight: InFlight
    readings: Readings
    checkers: Checkers
    clock: Clock
    secret: Secret | None


class Door:
    """One endpoint: reads, checks, answers. ``push`` and ``batch`` keep what is good."""

    media_types: ClassVar[dict[str, Callable[[str], str]]] = {
        "push": push_media_type,
        "batch": batch_media_type,
        "validate": push_media_type,
    }

    def __init__(self, name: str, doorway: Doorway) -> None:
        self.name = name
        self._doorway = doorway
        self._keeps = name != ValidateIntake.name
        answer = StoringIntake if self._keeps else ValidateIntake
        self._good = GoodAnswer(
            status=answer.status,
            body=answer.good,
            clock=doorway.clock,
            counted=INGEST_REQUESTS.labels(name, str(answer.status)),
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            self._before_the_body(request)
            with Held(self._doorway.in_flight) as held:
                await self._take(request, held)
        except Refusal as refusal:
            return refused(refusal, self.name)
        return self._good.to(request)

    def _before_the_body(self, request: web.Request) -> None:
        if request.method != "POST":
            raise MethodNotAllowed("POST")
        if (announced := request.content_length or 0) > self._doorway.readings.body_bytes_max:
            raise BodyTooLarge(announced)
        check_caller(request, self._doorway.secret)
        if self._doorway.readings.stopping:
            raise ServiceUnavailable(RETRY_AFTER_SECONDS)

    async def _take(self, request: web.Request, held: Held) -> None:
        media_type = self.media_types[self.name](media_type_essence(request))
        coding = body_coding(request)
        readings = self._doorway.readings
        body = await readings.read(request.content, held, announced=request.content_length)
        if coding is not None:
            bytes_max = readings.body_bytes_max
            body = await asyncio.to_thread(inflate, body, coding, bytes_max=bytes_max)
            held.take(len(body))
        checked = await self._checked(body, media_type)
        # Whose it is only the gate knows; everything else is decided here, so that a body that
        # nobody would take is refused to whoever made it, and never lies in the outbox.
        if refusal := admit(ASSUMED_ACTIVE, checked):
            raise refusal
        if self._keeps:
            name = request.headers.get("Idempotency-Key", "")
            await self._keep(body, media_type, checked, name)

    async def _checked(self, body: bytes, media_type: str) -> Validated:
        if is_small(self.name, body, media_type):
            return check(self.name, body, media_type)
        question = Question(self.name, media_type, keep=False)
        return (await self._doorway.checkers.judge(question, body)).checked

    async def _keep(self, body: bytes, media_type: str, checked: Validated, name: str) -> None:
        clock = self._doorway.clock
        entry = entry_of(self.name, body, media_type, checked, clock, idempotency_key=name)
        try:
            await self._doorway.outbox.append(entry)
        except (OutboxFull, DiskFull):
            raise ServiceUnavailable(RETRY_AFTER_SECONDS) from None
