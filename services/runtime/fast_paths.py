"""Measured fast paths of all programs, each with its gain. Imitate none of them without measuring.

The figures are from bench/README.md, on two cores, for one small push of 48 µs unless stated
otherwise. Fast paths that belong to one structure are kept next to it:

- hardened_http.py: DIRECT_ROUTES, the hot paths without the router (with PreparedResponse: 10 µs)
- services/journal/commit/columns.py: array literals instead of lists (5 µs)
- services/ingest/endpoints.py: fields filled by position instead of by name (1.2 µs)
- services/runtime/logs.py: the log lines of a group rendered together (2.1 µs for each line)
- events/ids.py: a UUID without the checks of its constructor (a third of the time)
"""

import gc
from email.utils import format_datetime
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from services.runtime.clock import Clock

# Allocations between two garbage collections; Python's default is 700.
GC_ALLOCATIONS = 700
# Ingest and its validation workers. The requests of a group are alive together, and a large push is
# thousands of objects in no cycles: 4 % of the processor time of a push.
INGEST_GC_ALLOCATIONS = 50_000
# Parsed records are many small objects in no cycles: a third of the time of parsing.
LOADER_GC_ALLOCATIONS = 200_000


def start_garbage_collection(allocations: int = GC_ALLOCATIONS) -> None:
    """To be called after the imports of a program that disabled collection before them.

    Looking for cycles among thousands of new functions and classes is a fifth of a start. Those
    objects are permanent and exempt from now on.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(allocations)


DATE_SECONDS_MAX = 1.0


class PreparedResponse(web.StreamResponse):
    """Head and body in one write, rendered once a second. One object answers all requests.

    With DIRECT_ROUTES: 10 µs. Only for keep-alive requests of HTTP/1.1, and for nothing that
    depends on the request.
    """

    def __init__(self, *, status: HTTPStatus, content_type: str, body: bytes, clock: Clock) -> None:
        super().__init__(status=status)
        self._clock = clock
        self._format = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\nDate: {{date}}\r\n\r\n"
        )
        self._response_body = body
        self._bytes = b""
        self._dated_at = float("-inf")

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        now = self._clock.monotonic()
        if now - self._dated_at >= DATE_SECONDS_MAX:
            date = format_datetime(self._clock.now(), usegmt=True)
            self._bytes = self._format.format(date=date).encode() + self._response_body
            self._dated_at = now
        await request.writer.write_eof(self._bytes)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """``prepare`` has written everything."""
