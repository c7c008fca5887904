"""HTTP responses of the import endpoints, byte for byte as the wire contract specifies them."""

from http import HTTPStatus

from aiohttp import HttpVersion11, web
from prometheus_client import Counter

from protocol.refusals import Refusal
from protocol.refusals.edge import MethodNotAllowed
from services.runtime.clock import Clock
from services.runtime.fast_paths import PreparedResponse
from services.runtime.metrics import INGEST_REFUSALS, INGEST_REQUESTS

# Without this media type target-stitch takes a success for a failure and sends again (5.2).
JSON_TYPE = "application/json"


class SuccessResponse:
    """The same for every request, so that it is rendered once a second and not once a request.

    ``counted`` counts the responses; None if the caller has counted the request already.
    """

    def __init__(
        self, *, status: int, body: bytes, clock: Clock, counted: Counter | None = None
    ) -> None:
        self._body = body
        self._status = HTTPStatus(status)
        self._counted = counted
        self._prepared = PreparedResponse(
            status=self._status, content_type=JSON_TYPE, body=body, clock=clock
        )

    def response_to(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._counted is not None:
            self._counted.inc()
        if request.keep_alive and request.version == HttpVersion11:
            return self._prepared
        return web.Response(status=self._status, body=self._body, content_type=JSON_TYPE)


def refusal_response(refusal: Refusal, endpoint: str) -> web.Response:
    """The response to a refused request; counts the request and the refusal."""
    INGEST_REQUESTS.labels(endpoint, str(refusal.status)).inc()
    INGEST_REFUSALS.labels(refusal.code).inc()
    response = web.Response(
        status=refusal.status,
        body=refusal.body,
        headers={"Content-Type": refusal.content_type},
    )
    if refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, MethodNotAllowed):
        response.headers["Allow"] = refusal.allow
    return response
