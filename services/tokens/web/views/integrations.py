"""The first page: every integration, what it is called, and how it does."""

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
from services.tokens.web.data.snippets import push_snippets
from services.tokens.web.paging import paginate, parse_page_number
from services.tokens.web.views.token_dialog import import_url

INTEGRATIONS_SHOWN = 50
# Fewer are found by looking.
SEARCH_FROM = 8


class IntegrationRow(NamedTuple):
    """``totals``: None while the day's figures are being added up."""

    integration_id: int
    display_name: str
    schema_name: str
    state: IntegrationState
    last_used_at: datetime | None
    refused: int
    totals: PushTotals | None = None


async def show_all(context: PageContext) -> web.Response:
    require(context.caller, Right.READ)
    query = context.request.query
    wanted, with_deleted = query.get("q", "").strip(), "deleted" in query
    number = parse_page_number(query.get("page", ""))
    present, deleted, found = await _counts(context, wanted, with_deleted=with_deleted)
    return context.render(
        "integrations.html",
        integrations=await _rows(context, wanted, number, with_deleted=with_deleted),
        present=present,
        deleted=deleted,
        found=found,
        searched=present >= SEARCH_FROM or bool(wanted),
        wanted=wanted,
        with_deleted=with_deleted,
        pagination=paginate(number, found, shown=INTEGRATIONS_SHOWN),
        snippets=push_snippets(import_url(context), context.caller.account_id, "at_YOUR_TOKEN"),
    )


async def _counts(context: PageContext, wanted: str, *, with_deleted: bool) -> tuple[int, int, int]:
    statement = load_queries("services.tokens.web")["count_integrations"]
    row = await context.site.pool.fetchrow(
        statement, context.caller.account_id, wanted.lower(), with_deleted
    )
    assert row is not None, "counts are always there"
    return row["present"], row["deleted"], row["found"]


async def _rows(
    context: PageContext, wanted: str, number: int, *, with_deleted: bool
) -> list[IntegrationRow]:
    statement = load_queries("services.tokens.web")["integrations_page"]
    rows = await context.site.pool.fetch(
        statement,
        context.caller.account_id,
        wanted.lower(),
        with_deleted,
        INTEGRATIONS_SHOWN,
        (number - 1) * INTEGRATIONS_SHOWN,
        context.now - DAY,
    )
    totals = await context.site.daily_totals.last_24_hours()
    integrations = [IntegrationRow(*row) for row in rows]
    if totals is None:
        return integrations
    return [one._replace(totals=totals.get(one.integration_id, NO_PUSHES)) for one in integrations]
