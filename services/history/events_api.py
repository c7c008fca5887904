"""GET /events and /events/stream: the log as stored lines, by page, in full, or as it grows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.history.access import (
    ACCESS_RECORD,
    POOL,
    RESPONSE_STARTED,
    BadQuery,
    allow_parameters,
    error_response,
    hash_others,
    integer_parameter,
    log_access,
    still_authorized,
    visible_account,
)
from services.history.append_notifier import AppendNotifier
from services.runtime.clock import Clock, wait_for
from services.runtime.metrics import HISTORY_STREAMS

NUMBER_MAX = 2**63 - 1
# Receipts are numbered from 1; a forged one below that must not be left out.
BEFORE_ALL = -NUMBER_MAX
PAGE_EVENTS_MAX = 10_000
STREAM_PAGE_EVENTS = 500
# A full export occupies a connection until it ends.
EXPORT_SECONDS_MAX = 3_600.0
EXPORTS_MAX = 3
STREAMS_MAX = 200
# The notifier fires every few seconds without an append; this limits how long nothing is written.
HEARTBEAT_SECONDS = 15.0
KEEP_ALIVE = b": still here\n\n"
FILTER_CHARACTERS_MAX = 200
TYPES_MAX = 30

NDJSON = "application/x-ndjson"
LOG_SIZE = "Pushgate-Log-Size"
SCANNED_TO = "Pushgate-Scanned-To"

# Where a stream resumes: the id that it sent last, which is -1 for a log without events.
_LAST_EVENT_ID = re.compile(r"-1|[0-9]{1,19}")

FILTER_PARAMETERS = ("type", "actor", "subject", "from", "to")


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFilters:
    """``from`` is included, ``to`` is not."""

    types: list[str] | None
    actor: str | None
    subject: str | None
    since: datetime | None
    before: datetime | None

    @property
    def values(self) -> tuple[Any, ...]:
        return self.types, self.actor, self.subject, self.since, self.before


class EventsApi:
    def __init__(self, appends: AppendNotifier, stopping: asyncio.Event, clock: Clock) -> None:
        self._appends = appends
        self._stopping = stopping
        self._clock = clock
        self._exports = 0
        self._streams = 0

    async def events(self, request: web.Request) -> web.StreamResponse:
        """GET /events. Without ``limit`` all matching events, streamed; with it a page.

        The headers of a page state up to which number it has searched, for readers with filters.
        """
        allow_parameters(request, "after", "until", "limit", "others", *FILTER_PARAMETERS)
        filters = _filters(request)
        hashed = hash_others(request)
        if hashed and any(name in request.query for name in FILTER_PARAMETERS):
            raise BadQuery("others=hashed cannot be combined with filters")
        shown = (*filters.values, visible_account(request), hashed)
        size = await log_size(request.app[POOL])
        after = integer_parameter(request, "after", -1, minimum=-1, maximum=NUMBER_MAX)
        after = min(after, size - 1)
        until = integer_parameter(request, "until", size - 1, minimum=-1, maximum=NUMBER_MAX)
        until = min(until, size - 1)
        if "limit" in request.query:
            limit = integer_parameter(request, "limit", 1, minimum=1, maximum=PAGE_EVENTS_MAX)
            return await self._page(request, (after, until, *shown), limit, size)
        headers = {LOG_SIZE: str(size), SCANNED_TO: str(max(after, until))}
        return await self.stream_all(request, "stream_all_events", (after, until, *shown), headers)

    async def _page(
        self, request: web.Request, values: tuple[Any, ...], limit: int, size: int
    ) -> web.Response:
        rows = await events_page(request.app[POOL], values, limit)
        request[ACCESS_RECORD].add(len(rows))
        scanned_to = rows[-1]["number"] if len(rows) == limit else max(values[0], values[1])
        headers = {LOG_SIZE: str(size), SCANNED_TO: str(scanned_to)}
        text = "".join(f"{row['record']}\n" for row in rows)
        return web.Response(text=text, content_type=NDJSON, headers=headers)

    async def stream_all(
        self, request: web.Request, query: str, values: tuple[Any, ...], headers: dict[str, str]
    ) -> web.StreamResponse:
        """Copies all lines of a statement from PostgreSQL to the socket. 503 beyond EXPORTS_MAX."""
        if self._exports >= EXPORTS_MAX:
            return error_response(503, "Too many concurrent exports; try again.", retry=True)
        self._exports += 1
        try:
            return await _copy(request, query, values, headers)
        finally:
            self._exports -= 1

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """GET /events/stream: server-sent events; ``Last-Event-ID`` overrides ``after``."""
        allow_parameters(request, "after", *FILTER_PARAMETERS)
        filters = _filters(request)
        after = _last_event_id(request)
        if self._streams >= STREAMS_MAX:
            return error_response(503, "Too many concurrent streams; try again.", retry=True)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        self._streams += 1
        HISTORY_STREAMS.set(self._streams)
        try:
            await response.prepare(request)
            request[RESPONSE_STARTED] = True
            log_access(request, status="stream begun", access=request[ACCESS_RECORD])
            written_at = self._clock.monotonic()
            async for chunk in self._chunks(request, after, filters):
                now = self._clock.monotonic()
                if chunk or now - written_at >= HEARTBEAT_SECONDS:
                    await response.write(chunk or KEEP_ALIVE)
                    written_at = now
        finally:
            self._streams -= 1
            HISTORY_STREAMS.set(self._streams)
        return response

    async def _chunks(
        self, request: web.Request, after: int, filters: EventFilters
    ) -> AsyncIterator[bytes]:
        """Events as they are appended; an id alone states how far a filter has searched; b"": idle.

        A reader that is beyond the end (it read a longer log before a restore) continues from the
        end and is sent that id: waiting for the log to grow as far again would skip new events.
        """
        sent_to = after
        after = min(after, await log_size(request.app[POOL]) - 1)
        while not self._stopping.is_set():
            appended = self._appends.next_append()
            if not await still_authorized(request):
                return
            until = await log_size(request.app[POOL]) - 1
            values = (after, until, *filters.values, visible_account(request), False)
            rows = await events_page(request.app[POOL], values, STREAM_PAGE_EVENTS)
            request[ACCESS_RECORD].add(len(rows))
            if rows:
                yield "".join(f"id: {r['number']}\ndata: {r['record']}\n\n" for r in rows).encode()
            if len(rows) == STREAM_PAGE_EVENTS:
                after = sent_to = rows[-1]["number"]
                continue
            after = max(after, until)
            if after != sent_to and not (rows and rows[-1]["number"] == after):
                yield f"id: {after}\n\n".encode()
            sent_to = after
            await wait_for(appended, HEARTBEAT_SECONDS)
            yield b""


async def log_size(pool: Pool[Record]) -> int:
    size: int = await pool.fetchval(load_queries("services.history")["log_size"])
    return size


async def events_page(pool: Pool[Record], values: tuple[Any, ...], limit: int) -> list[Record]:
    queries = load_queries("services.history")
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(queries["plan_for_these_values"])
        return await connection.fetch(queries["events_page"], *values, limit)


async def _copy(
    request: web.Request, query: str, values: tuple[Any, ...], headers: dict[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": NDJSON, **headers})
    access = request[ACCESS_RECORD]

    async def send(rows: bytes) -> None:
        access.add(rows.count(b"\n"))
        await response.write(rows)

    async with request.app[POOL].acquire() as connection:
        await response.prepare(request)
        request[RESPONSE_STARTED] = True
        # JSON text contains no control characters, so nothing in it is ever quoted or escaped.
        await connection.copy_from_query(
            load_queries("services.history")[query].removesuffix(";"),
            *values,
            output=send,
            format="csv",
            delimiter="\x02",
            quote="\x01",
            timeout=EXPORT_SECONDS_MAX,
        )
    await response.write_eof()
    return response


def _filters(request: web.Request) -> EventFilters:
    texts = {name: _text(request, name) for name in ("actor", "subject")}
    types = request.query.getall("type", [])
    if len(types) > TYPES_MAX or any(len(one) > FILTER_CHARACTERS_MAX for one in types):
        raise BadQuery(
            f"type may be given at most {TYPES_MAX} times,"
            f" each of at most {FILTER_CHARACTERS_MAX} characters"
        )
    since, before = time_parameter(request, "from"), time_parameter(request, "to")
    if since and before and since > before:
        raise BadQuery("from must not be later than to")
    return EventFilters(
        types=[checked_text(one, "type") for one in types] or None,
        actor=texts["actor"],
        subject=texts["subject"],
        since=since,
        before=before,
    )


def _text(request: web.Request, name: str) -> str | None:
    text = request.query.get(name)
    return None if text is None else checked_text(text, name)


def checked_text(text: str, name: str) -> str:
    """``text`` if a filter may contain it. Raises BadQuery."""
    if len(text) > FILTER_CHARACTERS_MAX or not text.isprintable():
        raise BadQuery(
            f"{name} must be printable text of at most {FILTER_CHARACTERS_MAX} characters"
        )
    return text


def time_parameter(request: web.Request, name: str) -> datetime | None:
    """A time of the query string, in UTC unless it has an offset. Raises BadQuery."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        # Near the ends of the calendar a time with an offset may be out of range in UTC.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadQuery(f"{name} must be a time such as 2026-11-23T12:00:00Z") from None


def _last_event_id(request: web.Request) -> int:
    text = request.headers.get("Last-Event-ID")
    if text is None:
        return integer_parameter(request, "after", -1, minimum=-1, maximum=NUMBER_MAX)
    if not _LAST_EVENT_ID.fullmatch(text):
        raise BadQuery("Last-Event-ID must be the number of an event")
    return int(text)
