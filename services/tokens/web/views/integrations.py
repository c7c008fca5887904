"""The first page: every integration, what it is called, and how it does."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from aiohttp import web

from events.sql_files import load_queries
from services.tokens.domain.decider import IntegrationState
from services.tokens.use_cases.permissions import Right, require
from services.tokens.web.context import Visit
from services.tokens.web.data.daily_totals import NOTHING, Pushed
from services.tokens.web.data.receipts import DAY
from services.tokens.web.data.snippets import first_pushes
from services.tokens.web.paging import page_number, place
from services.tokens.web.views.token_dialog import import_url

SHOWN = 50
# Fewer are found by looking.
SEARCHED_FROM = 8


class Row(NamedTuple):
    """``pushed``: None while the day's figures are being added up."""

    integration_id: int
    display_name: str
    schema_name: str
    state: IntegrationState
    last_used_at: datetime | None
    refused: int
    pushed: Pushed | None = None


async def show_all(visit: Visit) -> web.Response:
    require(visit.caller, Right.READ)
    query = visit.request.query
    wanted, with_deleted = query.get("q", "").strip(), "deleted" in query
    number = page_number(query.get("page", ""))
    present, deleted, found = await _counts(visit, wanted, with_deleted=with_deleted)
    return visit.page(
        "integrations.html",
        integrations=await _rows(visit, wanted, number, with_deleted=with_deleted),
        present=present,
        deleted=deleted,
        found=found,
        searched=present >= SEARCHED_FROM or bool(wanted),
        wanted=wanted,
        with_deleted=with_deleted,
        place=place(number, found, shown=SHOWN),
        snippets=first_pushes(import_url(visit), visit.caller.account_id, "at_YOUR_TOKEN"),
    )


async def _counts(visit: Visit, wanted: str, *, with_deleted: bool) -> tuple[int, int, int]:
    statement = load_queries("services.tokens.web")["count_integrations"]
    row = await visit.site.pool.fetchrow(
        statement, visit.caller.account_id, wanted.lower(), with_deleted
    )
    assert row is not None, "counts are always there"
    return row["present"], row["deleted"], row["found"]


async def _rows(visit: Visit, wanted: str, number: int, *, with_deleted: bool) -> list[Row]:
    statement = load_queries("services.tokens.web")["integrations_page"]
    rows = await visit.site.pool.fetch(
        statement,
        visit.caller.account_id,
        wanted.lower(),
        with_deleted,
        SHOWN,
        (number - 1) * SHOWN,
        visit.now - DAY,
    )
    day = await visit.site.figures.of_the_day()
    found = [Row(*row) for row in rows]
    if day is None:
        return found
    return [one._replace(pushed=day.get(one.integration_id, NOTHING)) for one in found]
