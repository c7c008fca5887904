"""The page that shows a new access token, once, as the response to the form that generated it.

The response is not stored. Submitting the same form again raises ``FormUsed``; the answer to that
is ``token_already_shown``.
"""

from __future__ import annotations

from aiohttp import web

from services.tokens.use_cases.integrations import GeneratedToken
from services.tokens.use_cases.read_model import IntegrationEntry
from services.tokens.web.context import PageContext
from services.tokens.web.data.snippets import push_snippets


def show_token(
    context: PageContext, integration: IntegrationEntry, token: GeneratedToken, *, close: str
) -> web.Response:
    """``close``: the path of the page that *Close and Continue* opens."""
    return context.render(
        "token_dialog.html",
        integration=integration,
        token=token,
        close=close,
        snippets=push_snippets(context.import_url, integration.account_id, token.access_token),
    )


def token_already_shown(context: PageContext, *, back: str) -> web.Response:
    """For a form submitted twice: by reloading, by going back, or by a double click."""
    return context.render("token_already_shown.html", status=409, back=back)
