"""Around every request: one line in the log, one count, and an answer whatever happens."""

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
from services.tokens.connect_api.answers import NOT_FOUND, BadBody, answer, answer_to, refused
from services.tokens.limits import REQUESTS_AT_ONCE_MAX
from services.tokens.refusals import Busy, DatabaseAway, Refusal

# How a no, or a crash, is put to people; None for a program, which gets JSON. The last argument is
# the request's id.
ForPeople: TypeAlias = Callable[[web.Request, Exception, str], web.Response | None]


def _nobody(_: web.Request, __: Exception, ___: str) -> None:
    return None


def answering(
    clock: Clock,
    *,
    at_once_max: int = REQUESTS_AT_ONCE_MAX,
    for_people: ForPeople = _nobody,
) -> Middleware:
    """The outermost middleware. Neither answers nor log lines hold a path, a query or a header.

    ``at_once_max``: requests in hand; one more is answered 503 at once.
    """
    in_hand = 0

    @web.middleware
    async def answer_and_tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal in_hand
        request_id = given_request_id(request) or secrets.token_hex(8)
        began = clock.monotonic()
        in_hand += 1
        try:
            chosen = handler if in_hand <= at_once_max else _busy
            response = await _answered(request, chosen, request_id, for_people)
        finally:
            in_hand -= 1
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

    return answer_and_tell


async def _busy(_: web.Request) -> web.StreamResponse:
    raise Busy


async def _answered(
    request: web.Request, handler: Handler, request_id: str, for_people: ForPeople
) -> web.StreamResponse:
    try:
        return await handler(request)
    except (Refusal, EdgeRefusal, BadBody, web.HTTPException) as no:
        answered = _answer_to_no(no, request, request_id)
        return for_people(request, no, request_id) or answered
    except AWAY as away:
        return for_people(request, away, request_id) or answer_to(DatabaseAway(), request)
    except Exception as crash:  # noqa: BLE001 — the top of a request: reported, and nothing leaks
        Log().exception(
            "request.crashed",
            method=request.method,
            route=route_of(request),
            request_id=request_id,
        )
        crashed = answer({"message": "Internal Server Error"}, status=500)
        return for_people(request, crash, request_id) or crashed


def _answer_to_no(
    no: Refusal | EdgeRefusal | BadBody | web.HTTPException, request: web.Request, request_id: str
) -> web.Response:
    match no:
        case Refusal(code=code):
            command = f"{request.method} {route_of(request)}"
            Log().info("command.refused", command=command, code=code, request_id=request_id)
            return answer_to(no, request)
        case EdgeRefusal():
            return answer(orjson.Fragment(no.body), status=no.status)
        case BadBody():
            return refused(no.error, no.data)
        case web.HTTPException():
            return _answer_to_http(no)
        case _:
            assert_never(no)


def _answer_to_http(error: web.HTTPException) -> web.Response:
    """The original's Connect API answers a method that is not allowed as an unknown path."""
    if error.status in {404, 405}:
        return answer(NOT_FOUND, status=404)
    return answer({"message": error.reason}, status=error.status)


def route_of(request: web.Request) -> str:
    """The pattern, never the path: it takes few values, and holds nothing a caller wrote."""
    resource = request.match_info.route.resource
    return "other" if resource is None else resource.canonical
