"""*Audit*: the account's events, tokens that were active at a given time, and integrity checks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from events.catalogue import CLASS_OF
from events.ids import IntegrationId
from events.sql_files import load_queries
from services.tokens.domain.permissions import Right, require
from services.tokens.refusals import Busy
from services.tokens.web import headers
from services.tokens.web.context import ID_MAX, PageContext
from services.tokens.web.data import activity
from services.tokens.web.data.activity import ActivityFilters
from services.tokens.web.paging import paginate, parse_number, parse_page_number
from services.tokens.web.times import format_for_query, parse_time
from services.tokens.web.views.access_log import count_lines
from services.tokens.web.views.integration import actor_namer

CONCURRENT_EXPORTS_MAX = 2
TOKENS_PAGE_SIZE = 100

# Member ids of the exports that are running in this process.
EXPORTS: web.AppKey[list[int]] = web.AppKey("exports", list[int])


async def show(context: PageContext) -> web.StreamResponse:
    require(context.caller, Right.AUDIT)
    account, pool = context.caller.account_id, context.site.pool
    filters = await _filters(context)
    before = parse_number(context.request.query.get("before"), activity.NUMBER_MAX)
    names = await context.use_cases.members.actor_names(context.caller)
    page = await activity.account_activity(pool, account, filters, names, before=before)
    count_lines(context, len(page.entries))
    query = _query(filters)
    return context.render(
        "audit.html",
        filters=filters,
        filtered=bool(query),
        types=sorted(CLASS_OF),
        actors=await activity.account_actors(pool, account),
        actor_name=await actor_namer(context),
        page=page,
        query=f"?{query}" if query else "",
        older=f"/audit?{_query(filters, before=page.older)}",
        verdict=context.site.verifier.last_verdict,
    )


async def _filters(context: PageContext) -> ActivityFilters:
    """A filter that cannot be parsed is ignored, and its field on the page is empty."""
    query = context.request.query
    event_type = query.get("type")
    return ActivityFilters(
        type=event_type if event_type in CLASS_OF else None,
        actor=query.get("actor") or None,
        integration_id=await _integration_id(context, query.get("integration", "").strip()),
        since=parse_time(query.get("from", "")),
        until=parse_time(query.get("to", "")),
    )


async def _integration_id(context: PageContext, text: str) -> IntegrationId | None:
    """Find an integration by id or schema name. 0, which matches no event, if there is none."""
    if not text:
        return None
    if text.isascii() and text.isdecimal():
        return IntegrationId(parse_number(text, ID_MAX))
    found = await context.site.pool.fetchval(
        load_queries("services.tokens.web")["integration_by_schema"],
        context.caller.account_id,
        text.replace("\0", ""),
    )
    return IntegrationId(found or 0)


def _query(filters: ActivityFilters, *, before: int | None = None) -> str:
    given: dict[str, Any] = {
        "type": filters.type,
        "actor": filters.actor,
        "integration": filters.integration_id,
        "from": filters.since and format_for_query(filters.since),
        "to": filters.until and format_for_query(filters.until),
        "before": before,
    }
    return urlencode({name: value for name, value in given.items() if value is not None})


async def show_tokens_as_of(context: PageContext) -> web.StreamResponse:
    """The log up to a past time never changes, and so the pages of this list do not either."""
    require(context.caller, Right.AUDIT)
    query, queries = context.request.query, load_queries("services.tokens.web")
    moment = parse_time(query.get("moment", ""))
    if moment is None:
        return context.render("tokens_as_of.html", status=400, moment=None)
    last = await context.site.pool.fetchval(queries["event_number_at"], moment)
    size, number = 0 if last is None else last + 1, parse_page_number(query.get("page", ""))
    tokens = await context.site.pool.fetch(
        queries["account_tokens_as_of"],
        size,
        context.caller.account_id,
        TOKENS_PAGE_SIZE,
        (number - 1) * TOKENS_PAGE_SIZE,
    )
    count_lines(context, len(tokens))
    found = tokens[0]["found"] if tokens else 0
    return context.render(
        "tokens_as_of.html",
        moment=moment,
        moment_text=format_for_query(moment),
        size=size,
        tokens=tokens,
        found=found,
        pagination=paginate(number, found, page_size=TOKENS_PAGE_SIZE),
    )


async def verify(context: PageContext) -> web.StreamResponse:
    """Reads the whole log and changes nothing, so the right to read it is enough."""
    require(context.caller, Right.AUDIT)
    await context.site.verifier.verify()
    return await context.redirect("/audit")


async def export(context: PageContext) -> web.StreamResponse:
    require(context.caller, Right.AUDIT)
    running = context.request.app[EXPORTS]
    if len(running) >= CONCURRENT_EXPORTS_MAX:
        raise Busy
    filters = await _filters(context)
    running.append(context.member.member_id)
    try:
        return await _stream_export(context, filters)
    finally:
        running.remove(context.member.member_id)


async def _stream_export(context: PageContext, filters: ActivityFilters) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            **headers.PAGE_HEADERS,
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": 'attachment; filename="pushgate-events.ndjson"',
        }
    )
    await response.prepare(context.request)
    try:
        async for lines in activity.export_lines(
            context.site.pool, context.caller.account_id, filters
        ):
            await response.write(lines)
            count_lines(context, lines.count(b"\n"))
    except Exception:
        # The headers are sent, so only a broken connection can signal that the file is incomplete.
        if context.request.transport is not None:
            context.request.transport.abort()
        raise
    await response.write_eof()
    return response
