"""A public port whose answers of last resort say nothing of the request, and that waits for none.

aiohttp's own answer to a request that it cannot parse repeats the line, token included, in the
body and in the log (hostile input 22), and its server gives headers all the time they want (20).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from aiohttp import web

from protocol.refusals.edge import MalformedHttp
from services.runtime.logs import Log

# From the first byte of a request to the end of its headers; a new connection has as long to send
# its first request.
HEADERS_SECONDS_MAX = 10.0

RouteHandler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
MalformedHandler: TypeAlias = Callable[[web.BaseRequest], web.Response]

# Paths that are answered without asking the application's router, which costs as much as reading
# a small body does. Such an answer has no middlewares, no match_info and no app at hand. The
# router must know the paths too: whatever is out of the ordinary goes through it.
DIRECT_ROUTES: web.AppKey[Mapping[str, RouteHandler]] = web.AppKey("straight", Mapping)

# What answers a request that could not be parsed, where that is to be counted.
MALFORMED_HANDLER: web.AppKey[MalformedHandler] = web.AppKey("malformed")

_CRASHED = b'{"message":"Something went wrong here; send the same request again later."}'


class HardenedHandler(web.RequestHandler):
    __slots__ = ("_headers_due", "_headers_seconds_max", "_malformed")

    _headers_due: asyncio.TimerHandle | None

    def __init__(
        self,
        manager: web.Server,
        *,
        headers_seconds_max: float,
        malformed: MalformedHandler,
        **options: Any,
    ) -> None:
        super().__init__(manager, **options)
        self._malformed = malformed
        self._headers_due = None
        self._headers_seconds_max = headers_seconds_max

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel_headers_due()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not data:
            # The parser is only told to go on.
            super().data_received(data)
            return
        before = self._request_count
        request = self._current_request
        body_is_whole = request is None or request.content.is_eof()
        if body_is_whole:
            super().data_received(data)
        else:
            self._rest_received(data)
        if self._request_count != before:
            self._cancel_headers_due()
        elif body_is_whole and self._headers_due is None:
            # Not of a body, and no request is complete by it: headers have begun.
            self._expect_headers()

    def _rest_received(self, data: bytes) -> None:
        """Of a body. aiohttp hears nothing more once it is to close, and would never have it."""
        closing = self._close, self._force_close
        self._close = self._force_close = False
        try:
            super().data_received(data)
        finally:
            self._close |= closing[0]
            self._force_close |= closing[1]

    def _expect_headers(self) -> None:
        self._headers_due = self._loop.call_later(self._headers_seconds_max, self._headers_late)

    def _headers_late(self) -> None:
        if self._waiter is None:
            # Another request is still being answered; these are the next one's.
            self._expect_headers()
        else:
            self.force_close()

    def _cancel_headers_due(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 — the parser's: it repeats the request
    ) -> web.StreamResponse:
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("nobody is left to be answered")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            Log().exception("request.crashed", method=request.method)
            answer = web.Response(status=status, body=_CRASHED, content_type="application/json")
        else:
            answer = self._malformed(request)
        answer.force_close()
        return answer


def _malformed(_: web.BaseRequest) -> web.Response:
    refusal = MalformedHttp()
    return web.Response(status=refusal.status, body=refusal.body, content_type="application/json")


def _straight(paths: Mapping[str, RouteHandler], routed: Any) -> Any:
    def answer(request: web.Request) -> Awaitable[web.StreamResponse]:
        straight = paths.get(request.raw_path)
        if straight is None or "Expect" in request.headers:
            straight = routed
        return straight(request)

    return answer if paths else routed


class HardenedServer(web.Server):
    def __call__(self) -> web.RequestHandler:
        return HardenedHandler(self, loop=self._loop, **self._kwargs)


class HardenedRunner(web.AppRunner):
    def __init__(
        self,
        app: web.Application,
        *,
        headers_seconds_max: float = HEADERS_SECONDS_MAX,
        **options: Any,
    ) -> None:
        super().__init__(app, headers_seconds_max=headers_seconds_max, **options)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return HardenedServer(
            _straight(self.app.get(DIRECT_ROUTES, {}), made.request_handler),
            request_factory=made.request_factory,
            malformed=self.app.get(MALFORMED_HANDLER, _malformed),
            **made._kwargs,  # noqa: SLF001 — what the application adds to the runner's own
        )
