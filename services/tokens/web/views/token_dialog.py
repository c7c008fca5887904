"""The one page that ever shows a token: the answer to the form that asked for it.

It answers a POST and is kept by nobody; the same form sent again is refused (``FormUsed``), and
what is told then is ``shown_before``.
"""

from __future__ import annotations

from aiohttp import web

from services.tokens.use_cases.handlers import GeneratedToken
from services.tokens.use_cases.read_model import IntegrationEntry
from services.tokens.web.context import Visit
from services.tokens.web.data.snippets import first_pushes


def show_token(
    visit: Visit,
    integration: IntegrationEntry,
    token: GeneratedToken,
    *,
    close: str,
    heading: str = "Your access token",
) -> web.Response:
    """``close``: the page that *Close and Continue* leads to."""
    return visit.page(
        "token_dialog.html",
        integration=integration,
        token=token,
        close=close,
        heading=heading,
        snippets=first_pushes(import_url(visit), integration.account_id, token.access_token),
    )


def shown_before(visit: Visit, *, back: str) -> web.Response:
    """For a form that was sent a second time: by reloading, by going back, or by two clicks."""
    return visit.page("token_shown_before.html", status=409, back=back)


def import_url(visit: Visit) -> str:
    """Where apps push to. A proxy in front has both services under one name."""
    told = visit.site.import_url
    return visit.site.address(visit.request) if told is None else told.rstrip("/")
