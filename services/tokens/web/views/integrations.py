"""The start page: search and list all integrations with their state and recent use."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from aiohttp import web

from events.sql_files import load_queries
from services.tokens.domain.integrations import IntegrationState
from services.tokens.domain.permissions import Right, require
from services.tokens.web.context import PageContext
from services.tokens.web.data.daily_totals import NO_PUSHES, PushTotals
from services.tokens.web.data.receipts import DAY
from services.tokens.web.data.snippets import PLACEHOLDER, push_snippets
from services.tokens.web.paging import paginate, parse_page_number

PAGE_SIZE = 50
# With fewer integrations the search field is not shown.
SEARCH_FROM = 8


class IntegrationRow(NamedTuple):
    """``refused`` and ``totals`` are for the last 24 hours; ``totals=None``: not computed yet."""

    integration_id: int
    display_name: str
    schema_name: str
    state: IntegrationState
    last_used_at: datetime | None
    refused: int
    totals: PushTotals | None = None


async def show(context: PageContext) -> web.Response:
    require(context.caller, Right.READ)
    query = context.request.query
    search, with_deleted = query.get("q", "").strip(), "deleted" in query
    number = parse_page_number(query.get("page", ""))
    present, deleted, found = await _counts(context, search, with_deleted=with_deleted)
    return context.render(
        "integrations.html",
        integrations=await _rows(context, search, number, with_deleted=with_deleted),
        present=present,
        deleted=deleted,
        found=found,
        search_shown=present >= SEARCH_FROM or bool(search),
        search=search,
        with_deleted=with_deleted,
        pagination=paginate(number, found, page_size=PAGE_SIZE),
        snippets=push_snippets(context.import_url, context.caller.account_id, PLACEHOLDER),
    )


async def _counts(context: PageContext, search: str, *, with_deleted: bool) -> tuple[int, int, int]:
    statement = load_queries("services.tokens.web")["count_integrations"]
    row = await context.site.pool.fetchrow(
        statement, context.caller.account_id, search.lower(), with_deleted
    )
    assert row is not None, "an aggregate always returns a row"
    return row["present"], row["deleted"], row["found"]


async def _rows(
    context: PageContext, search: str, number: int, *, with_deleted: bool
) -> list[IntegrationRow]:
    statement = load_queries("services.tokens.web")["integrations_page"]
    rows = await context.site.pool.fetch(
        statement,
        context.caller.account_id,
        search.lower(),
        with_deleted,
        PAGE_SIZE,
        (number - 1) * PAGE_SIZE,
        context.now - DAY,
    )
    totals = await context.site.daily_totals.last_24_hours()
    integrations = [IntegrationRow(*row) for row in rows]
    if totals is None:
        return integrations
    return [
        integration._replace(totals=totals.get(integration.integration_id, NO_PUSHES))
        for integration in integrations
    ]
