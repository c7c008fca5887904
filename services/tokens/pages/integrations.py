"""The first page: every integration, what it is called, and how it does."""

from __future__ import annotations

from aiohttp import web

from services.tokens.pages.snippets import first_pushes
from services.tokens.pages.token_dialog import import_url
from services.tokens.pages.visit import Visit


async def show_all(visit: Visit) -> web.Response:
    found = await visit.handlers.directory.integrations(visit.caller)
    return visit.page(
        "integrations.html",
        integrations=[one for one in found if one.state != "deleted"],
        snippets=first_pushes(import_url(visit), visit.caller.account_id, "at_YOUR_TOKEN"),
    )
