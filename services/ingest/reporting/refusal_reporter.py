"""Of every no: one line in the log and one count, bounded whatever is sent."""

from __future__ import annotations

from aiohttp import web

from protocol.limits import BODY_BYTES_MAX
from protocol.refusals import Refusal
from protocol.refusals.edge import MalformedHttp, PathNotFound, RevokedTokenUsed
from services.ingest.auth import presented_hash
from services.ingest.reporting.access_log import PushLines
from services.ingest.reporting.usage_stats import NOBODY, Counts, Whose
from services.ingest.token_cache.cache import Beliefs
from services.receiving.http_answers import refusal_response
from services.runtime.clock import Clock
from services.runtime.http import caller_address, given_request_id

# What is no endpoint of ours, in lines and metrics.
_OTHER = "other"


class Telling:
    def __init__(
        self,
        lines: PushLines,
        counts: Counts,
        beliefs: Beliefs,
        clock: Clock,
        *,
        behind_proxy: bool,
    ) -> None:
        self._lines = lines
        self._counts = counts
        self._beliefs = beliefs
        self._clock = clock
        self._behind_proxy = behind_proxy

    def refused(self, request: web.BaseRequest, refusal: Refusal, *, endpoint: str) -> web.Response:
        """The answer. Whose it was is told only as far as that is remembered."""
        whose = self._whose(request, refusal)
        self._lines.refused(
            refusal, endpoint=endpoint, request_id=given_request_id(request), whose=whose
        )
        body_bytes = request.content_length
        if body_bytes is None:
            body_bytes = request.content.total_bytes
        peer = caller_address(request, behind_proxy=self._behind_proxy)
        self._count(refusal, whose, body_bytes=body_bytes, peer=peer)
        return refusal_response(refusal, endpoint)

    async def not_found(self, request: web.Request) -> web.Response:
        return self.refused(request, PathNotFound(), endpoint=_OTHER)

    def malformed(self, request: web.BaseRequest) -> web.Response:
        """To what the HTTP parser gave up on: nothing of it is known but where it came from.

        ``request`` is a stand-in of aiohttp's, without the headers that others have.
        """
        refusal = MalformedHttp()
        self._lines.refused(refusal, endpoint=_OTHER, request_id=None, whose=NOBODY)
        self._count(refusal, NOBODY, body_bytes=0, peer=request.remote)
        return refusal_response(refusal, _OTHER)

    def _count(self, refusal: Refusal, whose: Whose, *, body_bytes: int, peer: str | None) -> None:
        self._counts.refused(
            refusal.code,
            whose,
            now=self._clock.now(),
            body_bytes=min(body_bytes, BODY_BYTES_MAX),
            peer=peer,
        )

    def _whose(self, request: web.BaseRequest, refusal: Refusal) -> Whose:
        if isinstance(refusal, RevokedTokenUsed):
            # Just told by the store; it is not remembered while tokens are changing.
            return Whose(refusal.integration_id, refusal.token_id)
        try:
            return self._beliefs.whose(presented_hash(request, known=self._beliefs.knows))
        except Refusal:
            return NOBODY
