"""The one page that ever shows a token: the answer to the form that asked for it.

It answers a POST and is kept by nobody; the same form sent again is refused (``FormUsed``), and
what is told then is ``shown_before``.
"""

from __future__ import annotations

from aiohttp import web

from services.tokens.use_cases.integrations import GeneratedToken
from services.tokens.use_cases.read_model import IntegrationEntry
from services.tokens.web.context import PageContext
from services.tokens.web.data.snippets import push_snippets


def show_token(
    context: PageContext,
    integration: IntegrationEntry,
    token: GeneratedToken,
    *,
    close: str,
    heading: str = "Your access token",
) -> web.Response:
    """``close``: the page that *Close and Continue* leads to."""
    return context.render(
        "token_dialog.html",
        integration=integration,
        token=token,
        close=close,
        heading=heading,
        snippets=push_snippets(import_url(context), integration.account_id, token.access_token),
    )


def token_already_shown(context: PageContext, *, back: str) -> web.Response:
    """For a form that was sent a second time: by reloading, by going back, or by two clicks."""
    return context.render("token_already_shown.html", status=409, back=back)


def import_url(context: PageContext) -> str:
    """Where apps push to. A proxy in front has both services under one name."""
    told = context.site.import_url
    return context.site.base_url(context.request) if told is None else told.rstrip("/")
