"""The import endpoints ``push``, ``batch`` and ``validate``: one request from head to response.

``validate`` runs the same checks as ``push`` and stores nothing. It never answers 503 because the
database is unreachable: then the token cache decides about the token.
"""

from __future__ import annotations

from aiohttp import HttpVersion11, web

from protocol.refusals import Refusal
from protocol.refusals.edge import NotAuthorized
from services.ingest.admission import admit
from services.ingest.idempotency import idempotency_key_of
from services.ingest.intake import IngestServices, Intake, ParsedRequest
from services.ingest.token_cache.lookup import TokenLookup
from services.journal.bodies import encode_body
from services.journal.candidates import Candidate
from services.journal.interfaces import IngestJournal
from services.receiving.endpoint import Endpoint
from services.receiving.http_answers import SuccessResponse
from services.receiving.memory_budget import Reservation
from services.runtime.http import caller_address, given_request_id
from services.runtime.metrics import INGEST_REQUESTS


class ImportEndpoint:
    """One endpoint as ingest serves it. ``idempotency_seconds``: see idempotency.py."""

    def __init__(
        self,
        endpoint: Endpoint,
        services: IngestServices,
        tokens: TokenLookup,
        journal: IngestJournal,
        *,
        idempotency_seconds: int,
    ) -> None:
        self.path = endpoint.path
        self._name = endpoint.name
        self._services = services
        self._journal = journal
        self._idempotency_seconds = idempotency_seconds
        self._behind_proxy = services.behind_proxy
        self._intake = Intake(endpoint, services, tokens)
        self._handle = self._store if endpoint.stores else _check_token
        self._success = SuccessResponse(
            status=endpoint.status,
            body=endpoint.body,
            clock=services.clock,
            # The journal counts what it accepts, for a whole group.
            counted=None
            if endpoint.stores
            else INGEST_REQUESTS.labels(endpoint.name, str(endpoint.status)),
        )

    async def expect(self, request: web.Request) -> None:
        """``Expect: 100-continue``: libcurl waits for it before it sends a larger body.

        Other expectations are ignored. A request that can only end in 413 gets no 100 first.
        """
        expected = request.headers.get("Expect", "").lower() == "100-continue"
        too_large = (request.content_length or 0) > self._services.body_reader.body_bytes_max
        if expected and not too_large and request.version == HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # These bytes are no part of the response that follows.
            request.writer.output_size = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            content_length = request.content_length
            token = self._intake.check_head(request, content_length)
            with Reservation(self._services.memory_budget) as reservation:
                parsed = await self._intake.read(request, token, reservation, content_length)
                await self._handle(parsed)
        except Refusal as refusal:
            return self._services.refusal_reporter.report(request, refusal, endpoint=self._name)
        return self._success.response_to(request)

    async def _store(self, parsed: ParsedRequest) -> None:
        """Returns once the request is durable; raises the refusal otherwise.

        A valid request costs no statement of its own: its group verifies the token.
        """
        request = parsed.request
        encoded = parsed.encoded or encode_body(parsed.body)
        # Positional: naming ten fields costs more than everything else here.
        candidate = Candidate(
            parsed.token.hash,
            self._name,
            parsed.validated,
            parsed.media_type,
            encoded.compressed,
            len(parsed.body),
            encoded.sha256,
            caller_address(request, behind_proxy=self._behind_proxy),
            given_request_id(request),
            idempotency_key_of(
                request.headers.get("Idempotency-Key", "").strip(),
                append_only=parsed.validated.append_only,
                body_sha256=encoded.sha256,
                ttl_seconds=self._idempotency_seconds,
            ),
        )
        refusal = await self._journal.commit(candidate)
        if isinstance(refusal, NotAuthorized):
            await parsed.token.look_up_again()
        if refusal is not None:
            raise refusal


async def _check_token(parsed: ParsedRequest) -> None:
    """What ``validate`` does with a valid request."""
    if refusal := admit(await parsed.token.look_up(), parsed.validated):
        raise refusal
