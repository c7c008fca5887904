"""``GET /v2/import/status`` (wire contract E1): whether requests can be accepted now."""

import orjson
from aiohttp import web

from protocol.refusals.edge import MethodNotAllowed
from services.receiving.http_answers import refusal_response
from services.runtime.clock import Clock
from services.runtime.http import ReadinessCheck
from services.runtime.metrics import INGEST_REQUESTS

# The endpoint is public and unlimited, so the check behind it runs at most this often.
FRESH_SECONDS = 1.0

VERSION = "0.1.0"


class StatusEndpoint:
    name = "status"

    def __init__(self, reason_not_ready: ReadinessCheck, clock: Clock) -> None:
        self._reason_not_ready = reason_not_ready
        self._clock = clock
        self._checked_at = float("-inf")
        self._reason: str | None = None

    async def answer(self, request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            return refusal_response(MethodNotAllowed("GET, HEAD"), self.name)
        reason = await self._fresh_reason()
        status = 200 if reason is None else 503
        INGEST_REQUESTS.labels(self.name, str(status)).inc()
        return web.Response(status=status, body=_body(reason), content_type="application/json")

    async def _fresh_reason(self) -> str | None:
        now = self._clock.monotonic()
        if now - self._checked_at >= FRESH_SECONDS:
            # Set before the check runs: requests that arrive meanwhile get the previous result.
            self._checked_at = now
            self._reason = await self._reason_not_ready()
        return self._reason


def _body(reason: str | None) -> bytes:
    """The keys in the contract's order; ``name`` is the original's name for itself."""
    return orjson.dumps(
        {
            "name": "pipeline.gate",
            "version": VERSION,
            "revision": "pushgate",
            "status": "OK" if reason is None else "ERROR",
            "reason": reason,
        }
    )
