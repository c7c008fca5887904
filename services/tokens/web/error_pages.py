"""Error pages: browsers get an HTML page with a title, a sentence and a link; programs get JSON."""

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


class ErrorText(NamedTuple):
    status: int
    title: str
    message: str


NOT_FOUND = ErrorText(
    404, "Page not found", "This page does not exist, or you do not have access to it."
)
_INTERNAL_ERROR = ErrorText(
    500,
    "Something went wrong",
    "The error was logged with the request id below. Try again. If it happens again, give the"
    " request id to your administrator.",
)

_TITLES: dict[type[CommandRefused], tuple[int, str]] = {
    refusals.IntegrationNotFound: (404, "Integration not found"),
    refusals.TokenNotFound: (404, "Token not found"),
    refusals.MemberNotFound: (404, "Member not found"),
    refusals.LinkUnknown: (404, "This link is no longer valid"),
    refusals.RoleForbids: (403, "Your role does not allow this"),
    refusals.ForeignForm: (403, "This form is no longer valid"),
    refusals.FormUsed: (409, "This form was already submitted"),
    refusals.Busy: (503, "The service is busy"),
    refusals.DatabaseUnavailable: (503, "The service is unavailable"),
    refusals.WritesHalted: (503, "The event log is halted"),
    refusals.TooManyAttempts: (503, "Too many attempts"),
}
_MESSAGES: dict[type[CommandRefused], str] = {
    refusals.RoleForbids: (
        "Owners can do everything, members manage integrations and tokens, and auditors can only"
        " read. Ask an owner of your account to change your role."
    ),
}


def error_response(request: web.Request, error: Exception, request_id: str) -> web.Response | None:
    """None if the client is not a browser that asked for a page."""
    if not wants_html(request):
        return None
    page = _error_page(error)
    text = request.app[SITE].templates.render(
        "error.html",
        {"title": page.title, "message": page.message, "request_id": request_id},
    )
    response = headers.html_response(text, status=page.status)
    if page.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def wants_html(request: web.Request) -> bool:
    """False for the API, without ``Accept: text/html``, and before the pages have started."""
    return (
        not request.path.startswith(API_PREFIX)
        and "text/html" in request.headers.get("Accept", "")
        and SITE in request.app
    )


def _error_page(error: Exception) -> ErrorText:
    match error:
        case CommandRefused():
            status, title = _TITLES.get(type(error), (400, "This request was refused"))
            return ErrorText(status, title, _MESSAGES.get(type(error), error.message))
        case web.HTTPException(status=404 | 405):
            return NOT_FOUND
        case web.HTTPException():
            return ErrorText(
                error.status,
                "This request can't be processed",
                f"The server answered: {error.reason}.",
            )
        case _ if isinstance(error, AWAY):
            return _error_page(refusals.DatabaseUnavailable())
        case _:
            return _INTERNAL_ERROR
