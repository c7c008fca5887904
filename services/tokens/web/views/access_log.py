"""The access log of pages that show events: one ``history.accessed`` line for each request.

The history service writes the same line for requests to its API.
"""

from __future__ import annotations

from aiohttp import web

from services.runtime.logs import Log
from services.tokens.middleware import route_of
from services.tokens.refusals import CommandRefused
from services.tokens.web.context import PageContext, View

_LINES: web.RequestKey[int] = web.RequestKey("lines", int)


def count_lines(context: PageContext, lines: int) -> None:
    """Add to the number of events or tokens that this request showed or sent."""
    context.request[_LINES] = context.request.get(_LINES, 0) + lines


def logged(view: View) -> View:
    """Log the request when it ends, also if it was refused or the connection broke."""

    async def logged_view(context: PageContext) -> web.StreamResponse:
        status: int | str = "cut off"
        try:
            response = await view(context)
            status = response.status
        except CommandRefused:
            status = "refused"
            raise
        finally:
            _write(context, status)
        return response

    return logged_view


def _write(context: PageContext, status: int | str) -> None:
    """The query string contains filters and numbers, never a secret."""
    request = context.request
    Log().info(
        "history.accessed",
        route=route_of(request),
        path=request.path,
        query=request.query_string,
        status=status,
        lines=request.get(_LINES, 0),
        member_id=context.member.member_id,
        account_id=context.caller.account_id,
        role=context.caller.role,
        peer=context.site.caller_address(request),
    )
