"""What goes out, byte for byte as the wire contract has it."""

from aiohttp import web
from multidict import CIMultiDict

from protocol.refusals import Refusal
from protocol.refusals.edge import MethodNotAllowed
from services.runtime.metrics import INGEST_REFUSALS, INGEST_REQUESTS

_JSON = CIMultiDict({"Content-Type": "application/json"})


class GoodAnswer:
    """Always the same bytes. Without ``application/json`` target-stitch sends all again (5.2)."""

    def __init__(self, endpoint: str, status: int, body: bytes) -> None:
        self._status = status
        self._body = body
        self._counted = INGEST_REQUESTS.labels(endpoint, str(status))

    def __call__(self) -> web.Response:
        self._counted.inc()
        return web.Response(status=self._status, body=self._body, headers=_JSON)


def refused(refusal: Refusal, endpoint: str) -> web.Response:
    INGEST_REQUESTS.labels(endpoint, str(refusal.status)).inc()
    INGEST_REFUSALS.labels(refusal.code).inc()
    answer = web.Response(
        status=refusal.status,
        body=refusal.body,
        headers={"Content-Type": refusal.content_type},
    )
    if refusal.retry_after_seconds is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, MethodNotAllowed):
        answer.headers["Allow"] = refusal.allow
    return answer
