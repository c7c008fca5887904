"""How people are told no: a page with a sentence and a way on. Programs get JSON, as ever."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from services.runtime.database import AWAY
from services.tokens import refusals
from services.tokens.limits import RETRY_AFTER_SECONDS
from services.tokens.refusals import CommandRefused
from services.tokens.web import headers
from services.tokens.web.site import SITE

API_PREFIX = "/v4/"


class ErrorPage(NamedTuple):
    status: int
    title: str
    sentence: str


NOT_FOUND = ErrorPage(404, "Not found", "There is no such page, or it is not yours to see.")
_CRASHED = ErrorPage(
    500,
    "Something went wrong here",
    "It was noted, with the number below. Try again; if it stays, tell whoever runs this.",
)

_TITLES: dict[type[CommandRefused], tuple[int, str]] = {
    refusals.IntegrationNotFound: (404, "Not found"),
    refusals.TokenNotFound: (404, "Not found"),
    refusals.MemberNotFound: (404, "Not found"),
    refusals.LinkUnknown: (404, "This link does not work any more"),
    refusals.RoleForbids: (403, "Your role does not allow this"),
    refusals.ForeignForm: (403, "This form can't be taken"),
    refusals.FormUsed: (409, "This was done before"),
    refusals.Busy: (503, "Busy at the moment"),
    refusals.DatabaseUnavailable: (503, "Away for a moment"),
    refusals.WritesHalted: (503, "The log is halted"),
    refusals.TooManyAttempts: (503, "Slow down"),
}
_SENTENCES: dict[type[CommandRefused], str] = {
    refusals.RoleForbids: (
        "Owners do everything, members manage integrations and tokens, auditors read. "
        "Ask an owner of your account for another role."
    ),
}


def error_response(request: web.Request, no: Exception, request_id: str) -> web.Response | None:
    """None when it was not a person's browser that asked."""
    if not wants_html(request):
        return None
    found = _error_page(no)
    text = request.app[SITE].templates.render(
        "error.html",
        {"title": found.title, "sentence": found.sentence, "request_id": request_id},
    )
    response = headers.html_response(text, status=found.status)
    if found.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def wants_html(request: web.Request) -> bool:
    """Only what says that it wants pages; and before the site is there, nobody."""
    return (
        not request.path.startswith(API_PREFIX)
        and "text/html" in request.headers.get("Accept", "")
        and SITE in request.app
    )


def _error_page(no: Exception) -> ErrorPage:
    match no:
        case CommandRefused():
            status, title = _TITLES.get(type(no), (400, "This can't be done"))
            return ErrorPage(status, title, _SENTENCES.get(type(no), no.message))
        case web.HTTPException(status=404 | 405):
            return NOT_FOUND
        case web.HTTPException():
            return ErrorPage(
                no.status, "This can't be taken", f"The request was refused: {no.reason}."
            )
        case _ if isinstance(no, AWAY):
            return _error_page(refusals.DatabaseUnavailable())
        case _:
            return _CRASHED
