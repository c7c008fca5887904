"""For auditors: the account's facts, who could write at a moment, and the check."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from events.catalogue import CLASS_OF
from events.ids import IntegrationId
from events.sql_files import load_queries
from services.tokens.refusals import Busy
from services.tokens.use_cases.permissions import Right, require
from services.tokens.web import access_log, headers
from services.tokens.web.context import ID_MAX, Visit, signed_in
from services.tokens.web.data import activity
from services.tokens.web.data.activity import Filters
from services.tokens.web.paging import page_number, place, whole_number
from services.tokens.web.times import as_typed, in_address
from services.tokens.web.views.integration import caller_of

EXPORTS_AT_ONCE_MAX = 2
TOKENS_SHOWN = 100

EXPORTS: web.AppKey[list[int]] = web.AppKey("exports", list[int])


def add_audit_pages(app: web.Application) -> None:
    app[EXPORTS] = []
    app.router.add_routes(
        [
            web.get("/audit", signed_in(access_log.recorded(audit))),
            web.get("/audit/as-of", signed_in(access_log.recorded(as_of))),
            web.post("/audit/verify", signed_in(access_log.recorded(verify))),
            web.get("/audit/export", signed_in(access_log.recorded(export))),
        ]
    )


async def audit(visit: Visit) -> web.StreamResponse:
    require(visit.caller, Right.AUDIT)
    account, pool = visit.caller.account_id, visit.site.pool
    filters = await _filters(visit)
    before = whole_number(visit.request.query.get("before"), activity.NUMBER_MAX)
    names = await visit.handlers.members.actor_names(visit.caller)
    page = await activity.account_facts(pool, account, filters, names, before=before)
    access_log.told(visit, len(page.facts))
    query = _query(filters)
    return visit.page(
        "audit.html",
        asked=filters,
        filtered=bool(query),
        types=sorted(CLASS_OF),
        actors=await activity.actors(pool, account),
        called=await caller_of(visit),
        page=page,
        query=f"?{query}" if query else "",
        older=f"/audit?{_query(filters, before=page.older)}",
        verdict=visit.site.verifier.last,
    )


async def _filters(visit: Visit) -> Filters:
    """What cannot be understood filters nothing, and its field is empty on the page."""
    query = visit.request.query
    kind = query.get("type")
    return Filters(
        type=kind if kind in CLASS_OF else None,
        actor=query.get("actor") or None,
        integration_id=await _integration(visit, query.get("integration", "").strip()),
        since=as_typed(query.get("from", "")),
        until=as_typed(query.get("to", "")),
    )


async def _integration(visit: Visit, text: str) -> IntegrationId | None:
    """By id or schema name; one that is not there is 0, which no fact is about."""
    if not text:
        return None
    if text.isascii() and text.isdecimal():
        return IntegrationId(whole_number(text, ID_MAX))
    found = await visit.site.pool.fetchval(
        load_queries("services.tokens.web")["integration_by_schema"],
        visit.caller.account_id,
        text.replace("\0", ""),
    )
    return IntegrationId(found or 0)


def _query(filters: Filters, *, before: int | None = None) -> str:
    given: dict[str, Any] = {
        "type": filters.type,
        "actor": filters.actor,
        "integration": filters.integration_id,
        "from": filters.since and in_address(filters.since),
        "to": filters.until and in_address(filters.until),
        "before": before,
    }
    return urlencode({name: value for name, value in given.items() if value is not None})


async def as_of(visit: Visit) -> web.StreamResponse:
    """The history up to a moment is for ever the same, and so are the pages of this list."""
    require(visit.caller, Right.AUDIT)
    query, queries = visit.request.query, load_queries("services.tokens.web")
    moment = as_typed(query.get("moment", ""))
    if moment is None:
        return visit.page("as_of.html", status=400, moment=None)
    last = await visit.site.pool.fetchval(queries["number_before"], moment)
    size, number = 0 if last is None else last + 1, page_number(query.get("page", ""))
    tokens = await visit.site.pool.fetch(
        queries["tokens_that_could_write_of_account"],
        size,
        visit.caller.account_id,
        TOKENS_SHOWN,
        (number - 1) * TOKENS_SHOWN,
    )
    access_log.told(visit, len(tokens))
    found = tokens[0]["found"] if tokens else 0
    return visit.page(
        "as_of.html",
        moment=moment,
        moment_text=in_address(moment),
        size=size,
        tokens=tokens,
        found=found,
        place=place(number, found, shown=TOKENS_SHOWN),
    )


async def verify(visit: Visit) -> web.StreamResponse:
    """Reads everything and changes nothing, so whoever may read it all may ask for it."""
    require(visit.caller, Right.AUDIT)
    await visit.site.verifier.verify()
    return await visit.go("/audit")


async def export(visit: Visit) -> web.StreamResponse:
    require(visit.caller, Right.AUDIT)
    under_way = visit.request.app[EXPORTS]
    if len(under_way) >= EXPORTS_AT_ONCE_MAX:
        raise Busy
    filters = await _filters(visit)
    under_way.append(visit.member.member_id)
    try:
        return await _export(visit, filters)
    finally:
        under_way.remove(visit.member.member_id)


async def _export(visit: Visit, filters: Filters) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            **headers.PAGE,
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": 'attachment; filename="pushgate-facts.ndjson"',
        }
    )
    await response.prepare(visit.request)
    try:
        async for lines in activity.stored_lines(visit.site.pool, visit.caller.account_id, filters):
            await response.write(lines)
            access_log.told(visit, lines.count(b"\n"))
    except Exception:
        # The answer is under way: ending the connection is the only way left to say so.
        if visit.request.transport is not None:
            visit.request.transport.abort()
        raise
    await response.write_eof()
    return response
