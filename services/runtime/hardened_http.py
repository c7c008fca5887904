"""aiohttp's HTTP server, hardened for a public port.

It differs from aiohttp's in four ways: an error response never quotes the request (aiohttp repeats
a request line that it cannot parse, token included, in the body and in the log: hostile input 22);
headers must arrive within a time limit (hostile input 20); a body that is arriving when the server
closes is still read; and frequent paths bypass the router.

For this it relies on private attributes of aiohttp: ``_request_count``, ``_current_request``,
``_waiter``, ``_close``, ``_force_close``, ``Server._kwargs`` and ``AppRunner._make_server``.
tests/runtime/test_hardened_http.py has one test of each, to be read when aiohttp is upgraded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from aiohttp import web

from protocol.refusals.edge import MalformedHttp
from services.runtime.logs import Log

# From the first byte of a request to the end of its headers. A new connection must send the headers
# of its first request within the same time.
HEADERS_SECONDS_MAX = 10.0

RouteHandler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
MalformedHandler: TypeAlias = Callable[[web.BaseRequest], web.Response]

# Handlers of paths that bypass the application's router, which costs as much as reading a small
# body. They run without middlewares, ``match_info`` and ``request.app``. The router must know these
# paths too: requests with a query or an Expect header still go through it.
DIRECT_ROUTES: web.AppKey[Mapping[str, RouteHandler]] = web.AppKey("direct_routes", Mapping)

# Responds to requests that could not be parsed, for an application that counts them.
MALFORMED_HANDLER: web.AppKey[MalformedHandler] = web.AppKey("malformed_handler")

_CRASHED = b'{"message":"Something went wrong here; send the same request again later."}'


class HardenedHandler(web.RequestHandler):
    """One connection. ``_headers_due`` is the timer of the headers that are arriving, if any."""

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
            # aiohttp calls it so to continue parsing what it has buffered.
            super().data_received(data)
            return
        requests_before = self._request_count
        request = self._current_request
        in_body = request is not None and not request.content.is_eof()
        if in_body:
            self._body_received(data)
        else:
            super().data_received(data)
        if self._request_count != requests_before:
            self._cancel_headers_due()
        elif not in_body and self._headers_due is None:
            # The data belongs to no body and completes no headers, so it begins them.
            self._expect_headers()

    def _body_received(self, data: bytes) -> None:
        """A part of a body, which aiohttp would ignore once the connection is to be closed."""
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
            # A request is still being answered; these are the headers of the next one.
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
            raise ConnectionError("the client is gone, or has got a part of the response")
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


def _with_direct_routes(paths: Mapping[str, RouteHandler], router: Any) -> Any:
    def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
        handler = paths.get(request.raw_path)
        if handler is None or "Expect" in request.headers:
            handler = router
        return handler(request)

    return handle if paths else router


class HardenedServer(web.Server):
    """Creates a HardenedHandler for each connection."""

    def __call__(self) -> web.RequestHandler:
        return HardenedHandler(self, loop=self._loop, **self._kwargs)


class HardenedRunner(web.AppRunner):
    """Replaces ``web.AppRunner``; reads DIRECT_ROUTES and MALFORMED_HANDLER of the application."""

    def __init__(
        self,
        app: web.Application,
        *,
        headers_seconds_max: float = HEADERS_SECONDS_MAX,
        **options: Any,
    ) -> None:
        super().__init__(app, headers_seconds_max=headers_seconds_max, **options)

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return HardenedServer(
            _with_direct_routes(self.app.get(DIRECT_ROUTES, {}), plain.request_handler),
            request_factory=plain.request_factory,
            malformed=self.app.get(MALFORMED_HANDLER, _malformed),
            **plain._kwargs,  # noqa: SLF001 — the options of the application and of the runner
        )
