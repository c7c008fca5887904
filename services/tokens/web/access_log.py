"""The record of who read the log on the pages, as the history service keeps it of its readers."""

from __future__ import annotations

from aiohttp import web

from services.runtime.logs import Log
from services.tokens.middleware import route_of
from services.tokens.refusals import CommandRefused
from services.tokens.web.context import Page, Visit

_LINES: web.RequestKey[int] = web.RequestKey("lines", int)


def told(visit: Visit, lines: int) -> None:
    """So many events, or tokens that could write, have been shown or sent, besides those before."""
    visit.request[_LINES] = visit.request.get(_LINES, 0) + lines


def recorded(page: Page) -> Page:
    """One line in the structured log when the answer ends, also if it was refused or cut off."""

    async def read(visit: Visit) -> web.StreamResponse:
        status: int | str = "cut off"
        try:
            response = await page(visit)
            status = response.status
        except CommandRefused:
            status = "refused"
            raise
        finally:
            _record(visit, status)
        return response

    return read


def _record(visit: Visit, status: int | str) -> None:
    """The query holds filters and numbers, never a secret."""
    request = visit.request
    Log().info(
        "history.read",
        route=route_of(request),
        path=request.path,
        query=request.query_string,
        status=status,
        lines=request.get(_LINES, 0),
        member_id=visit.member.member_id,
        account_id=visit.caller.account_id,
        role=visit.caller.role,
        peer=visit.site.peer(request),
    )
