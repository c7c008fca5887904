"""The outermost middleware: a request log line, a metric, and a response to every error."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeAlias, assert_never

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from protocol.refusals import Refusal as EdgeRefusal
from services.runtime import metrics
from services.runtime.clock import Clock
from services.runtime.database import AWAY
from services.runtime.http import given_request_id
from services.runtime.logs import Log
from services.tokens.connect_api.answers import (
    NOT_FOUND,
    BadBody,
    error_response,
    json_response,
    refusal_response,
)
from services.tokens.limits import CONCURRENT_REQUESTS_MAX
from services.tokens.refusals import Busy, CommandRefused, DatabaseUnavailable

# Renders an error, expected or not, as a page; None for an API request, which gets JSON. The last
# argument is the request's id.
RenderErrorPage: TypeAlias = Callable[[web.Request, Exception, str], web.Response | None]


def _no_page(_: web.Request, __: Exception, ___: str) -> None:
    return None


def request_middleware(
    clock: Clock,
    *,
    concurrent_max: int = CONCURRENT_REQUESTS_MAX,
    render_error_page: RenderErrorPage = _no_page,
) -> Middleware:
    """Neither responses nor log lines contain a path, a query string or a header.

    ``concurrent_max``: requests in progress; further ones are answered with 503 immediately.
    """
    in_flight = 0

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal in_flight
        request_id = given_request_id(request) or secrets.token_hex(8)
        began = clock.monotonic()
        in_flight += 1
        try:
            chosen = handler if in_flight <= concurrent_max else _busy
            response = await _respond(request, chosen, request_id, render_error_page)
        finally:
            in_flight -= 1
        response.headers["X-Request-Id"] = request_id
        milliseconds = round((clock.monotonic() - began) * 1000, 1)
        Log().info(
            "request.answered",
            method=request.method,
            route=route_of(request),
            status=response.status,
            milliseconds=milliseconds,
            request_id=request_id,
        )
        metrics.TOKENS_REQUESTS.labels(route_of(request), response.status).inc()
        return response

    return handle


async def _busy(_: web.Request) -> web.StreamResponse:
    raise Busy


async def _respond(
    request: web.Request, handler: Handler, request_id: str, render_error_page: RenderErrorPage
) -> web.StreamResponse:
    try:
        return await handler(request)
    except (CommandRefused, EdgeRefusal, BadBody, web.HTTPException) as error:
        response = _error_response(error, request, request_id)
        return render_error_page(request, error, request_id) or response
    except AWAY as away:
        return render_error_page(request, away, request_id) or refusal_response(
            DatabaseUnavailable(), request
        )
    except Exception as crash:  # noqa: BLE001 — the outermost handler: logged, and no details in the response
        Log().exception(
            "request.crashed",
            method=request.method,
            route=route_of(request),
            request_id=request_id,
        )
        crashed = json_response({"message": "Internal Server Error"}, status=500)
        return render_error_page(request, crash, request_id) or crashed


def _error_response(
    error: CommandRefused | EdgeRefusal | BadBody | web.HTTPException,
    request: web.Request,
    request_id: str,
) -> web.Response:
    match error:
        case CommandRefused(code=code):
            command = f"{request.method} {route_of(request)}"
            Log().info("command.refused", command=command, code=code, request_id=request_id)
            return refusal_response(error, request)
        case EdgeRefusal():
            return json_response(orjson.Fragment(error.body), status=error.status)
        case BadBody():
            return error_response(error.error, error.data)
        case web.HTTPException():
            return _http_error_response(error)
        case _:
            assert_never(error)


def _http_error_response(error: web.HTTPException) -> web.Response:
    """The original Connect API answers a method that is not allowed as an unknown path."""
    if error.status in {404, 405}:
        return json_response(NOT_FOUND, status=404)
    return json_response({"message": error.reason}, status=error.status)


def route_of(request: web.Request) -> str:
    """The pattern, never the path: it has few values, and contains nothing that a caller sent."""
    resource = request.match_info.route.resource
    return "other" if resource is None else resource.canonical
