"""Access to the history API: who may read the log, the access log, query parameters, errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from aiohttp import web
from aiohttp.typedefs import Handler
from asyncpg import Pool, Record

from events.sql_files import load_queries
from protocol.authorization import NoToken, bearer_token
from services.runtime.database import AWAY
from services.runtime.http import caller_address
from services.runtime.logs import Log
from services.runtime.metrics import HISTORY_LINES, HISTORY_REQUESTS

_INTEGER = re.compile(r"-?[0-9]+")
READING_ROLES = frozenset({"owner", "auditor"})
RETRY_SECONDS = 5

_NO_TOKEN = {
    NoToken.MISSING: (401, "Send a Connect token: Authorization: Bearer …"),
    NoToken.SEVERAL: (400, "Send exactly one Authorization header."),
    NoToken.IN_URL: (
        400,
        "Send the token in the Authorization header, not in the URL; revoke this one.",
    ),
}

POOL: web.AppKey[Pool[Record]] = web.AppKey("pool", Pool)
BEHIND_PROXY = web.AppKey("behind_proxy", bool)


class BadQuery(Exception):
    """The query is invalid; the message states what is expected. Answered with 400."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogReader:
    """``sees_all``: also the events of other accounts (docs/decisions, 0022)."""

    connect_token_id: int
    account_id: int
    role: str
    sees_all: bool

    @property
    def visible_account(self) -> int | None:
        """Limits the answer to the events and receipts of this account; None: no limit."""
        return None if self.sees_all else self.account_id


class AccessRecord:
    """Counts the lines that a handler has sent, for the access log."""

    def __init__(self, reader: LogReader) -> None:
        self.reader = reader
        self.lines = 0

    def add(self, lines: int) -> None:
        self.lines += lines


ACCESS_RECORD: web.RequestKey[AccessRecord] = web.RequestKey("access_record", AccessRecord)


def visible_account(request: web.Request) -> int | None:
    return request[ACCESS_RECORD].reader.visible_account


def hash_others(request: web.Request) -> bool:
    """Whether events of other accounts appear as their hashes, which computing a root needs.

    Raises BadQuery.
    """
    others = request.query.get("others", "absent")
    if others not in {"absent", "hashed"}:
        raise BadQuery("others must be hashed or absent")
    return others == "hashed"


@web.middleware
async def access_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: nothing is processed without a Connect token that may read.

    Every request is logged in one line when it ends, also one that was refused or cut off; a
    stream is logged when it begins, too.
    """
    route = _route_of(request)
    status: int | str = "cut off"
    access: AccessRecord | None = None
    try:
        reader = await _reader(request)
        if isinstance(reader, web.Response):
            status = reader.status
            return reader
        access = request[ACCESS_RECORD] = AccessRecord(reader)
        response = await _respond(request, handler)
        status = response.status
        return response
    finally:
        HISTORY_REQUESTS.labels(route, status).inc()
        log_access(request, status=status, access=access)


def log_access(request: web.Request, *, status: int | str, access: AccessRecord | None) -> None:
    """One line: who read what. The query contains filters and numbers, never a secret."""
    lines = 0 if access is None else access.lines
    HISTORY_LINES.labels(_route_of(request)).inc(lines)
    reader = None if access is None else access.reader
    Log().info(
        "history.accessed",
        route=_route_of(request),
        # The text of an unauthenticated caller is not logged.
        path=None if reader is None else request.path,
        query=None if reader is None else request.query_string,
        status=status,
        lines=lines,
        connect_token_id=None if reader is None else reader.connect_token_id,
        account_id=None if reader is None else reader.account_id,
        role=None if reader is None else reader.role,
        peer=caller_address(request, behind_proxy=request.app[BEHIND_PROXY]),
    )


async def still_authorized(request: web.Request) -> bool:
    """For a stream: whether its Connect token has not been revoked in the meantime."""
    presented = _presented_token(request)
    if isinstance(presented, NoToken):
        return False
    return await _reader_row(request.app[POOL], presented) is not None


async def _reader(request: web.Request) -> LogReader | web.Response:
    presented = _presented_token(request)
    if isinstance(presented, NoToken):
        return error_response(*_NO_TOKEN[presented])
    try:
        row = await _reader_row(request.app[POOL], presented)
    except AWAY:
        return database_unavailable()
    if row is None:
        return error_response(401, "This Connect token is unknown or revoked.")
    reader = LogReader(**row)
    if reader.role not in READING_ROLES:
        return error_response(
            403, f"The role {reader.role} may not read the log; use a token of an owner or auditor."
        )
    return reader


def _presented_token(request: web.Request) -> str | NoToken:
    """Unverified and not empty."""
    presented = bearer_token(request.raw_path, request.headers.getall("Authorization", ()))
    return presented or NoToken.MISSING


async def _reader_row(pool: Pool[Record], unverified: str) -> Record | None:
    token_hash = sha256(unverified.encode("utf-8", "surrogateescape")).digest()
    return await pool.fetchrow(load_queries("services.history")["reader"], token_hash)


async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadQuery as error:
        return error_response(400, str(error))
    except web.HTTPMethodNotAllowed as error:
        allowed = {"Allow": ",".join(sorted(error.allowed_methods))}
        return error_response(error.status, error.reason, headers=allowed)
    except web.HTTPException as error:
        return error_response(error.status, error.reason)
    except AWAY:
        if request.get(RESPONSE_STARTED):
            # The status is sent already: closing the connection is the only way left to report it.
            raise
        return database_unavailable()


RESPONSE_STARTED: web.RequestKey[bool] = web.RequestKey("started", bool)


def database_unavailable() -> web.Response:
    return error_response(503, "The database is unavailable; try again.", retry=True)


def error_response(
    status: int, message: str, *, retry: bool = False, headers: Mapping[str, str] | None = None
) -> web.Response:
    more = {"Retry-After": str(RETRY_SECONDS)} if retry else {}
    if status == 401:  # noqa: PLR2004 - the status that has to name its scheme
        more["WWW-Authenticate"] = "Bearer"
    return web.json_response(
        {"message": message}, status=status, headers={**more, **(headers or {})}
    )


def _route_of(request: web.Request) -> str:
    """The pattern and not the path, so that the metric has few label values."""
    resource = request.match_info.route.resource
    return "other" if resource is None else resource.canonical


def integer_parameter(
    request: web.Request, name: str, default: int, *, minimum: int, maximum: int
) -> int:
    """An integer of the query string. Raises BadQuery."""
    text = request.query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        raise BadQuery(f"{name} must be an integer")
    number = int(text) if len(text) <= 20 else maximum + 1  # noqa: PLR2004 - beyond 64 bits
    if not minimum <= number <= maximum:
        raise BadQuery(f"{name} must be between {minimum} and {maximum}")
    return number


def allow_parameters(request: web.Request, *names: str) -> None:
    """Raises BadQuery for any other parameter: a mistyped filter must not return everything."""
    for name in request.query:
        if name not in names:
            allowed = f"allowed: {', '.join(names)}" if names else "none is allowed"
            raise BadQuery(f"unknown parameter {name}; {allowed}")
        if len(request.query.getall(name)) > 1 and name != "type":
            raise BadQuery(f"{name} may be given only once")
