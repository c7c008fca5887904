"""Reports every refusal: a line in the access log, a count, and the response; bounded in memory."""

from __future__ import annotations

from aiohttp import web

from protocol.limits import BODY_BYTES_MAX
from protocol.refusals import Refusal
from protocol.refusals.edge import MalformedHttp, PathNotFound, RevokedTokenUsed
from services.ingest.admission import UNKNOWN_OWNER, TokenOwner
from services.ingest.auth import presented_token_hash
from services.ingest.reporting.access_log import AccessLog
from services.ingest.reporting.usage_stats import UsageStats
from services.ingest.token_cache.cache import TokenCache
from services.receiving.http_answers import refusal_response
from services.runtime.clock import Clock
from services.runtime.http import caller_address, given_request_id

# The endpoint, in log lines and metrics, of a request to any other path.
_OTHER = "other"


class RefusalReporter:
    def __init__(
        self,
        access_log: AccessLog,
        usage_stats: UsageStats,
        token_cache: TokenCache,
        clock: Clock,
        *,
        behind_proxy: bool,
    ) -> None:
        self._access_log = access_log
        self._usage_stats = usage_stats
        self._token_cache = token_cache
        self._clock = clock
        self._behind_proxy = behind_proxy

    def report(self, request: web.BaseRequest, refusal: Refusal, *, endpoint: str) -> web.Response:
        """Returns the response. Never queries the database: the token's owner must be cached."""
        owner = self._owner_of(request, refusal)
        self._access_log.refused(
            refusal, endpoint=endpoint, request_id=given_request_id(request), owner=owner
        )
        body_bytes = request.content_length
        if body_bytes is None:
            body_bytes = request.content.total_bytes
        peer = caller_address(request, behind_proxy=self._behind_proxy)
        self._count(refusal, owner, body_bytes=body_bytes, peer=peer)
        return refusal_response(refusal, endpoint)

    async def not_found(self, request: web.Request) -> web.Response:
        return self.report(request, PathNotFound(), endpoint=_OTHER)

    def malformed(self, request: web.BaseRequest) -> web.Response:
        """For bytes that the HTTP parser rejected; only the peer is known.

        ``request`` is aiohttp's placeholder, which has no headers.
        """
        refusal = MalformedHttp()
        self._access_log.refused(refusal, endpoint=_OTHER, request_id=None, owner=UNKNOWN_OWNER)
        self._count(refusal, UNKNOWN_OWNER, body_bytes=0, peer=request.remote)
        return refusal_response(refusal, _OTHER)

    def _count(
        self, refusal: Refusal, owner: TokenOwner, *, body_bytes: int, peer: str | None
    ) -> None:
        self._usage_stats.add_refusal(
            refusal.code,
            owner,
            now=self._clock.now(),
            body_bytes=min(body_bytes, BODY_BYTES_MAX),
            peer=peer,
        )

    def _owner_of(self, request: web.BaseRequest, refusal: Refusal) -> TokenOwner:
        if isinstance(refusal, RevokedTokenUsed):
            # The database has just reported it; it may not be cached while tokens change.
            return TokenOwner(refusal.integration_id, refusal.token_id)
        try:
            is_known = self._token_cache.contains
            return self._token_cache.owner_of(presented_token_hash(request, is_known=is_known))
        except Refusal:
            return UNKNOWN_OWNER
