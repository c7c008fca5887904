"""Events as sentences, with actor and time: an integration's activity, and an auditor's list."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Pool, Record

from events.ids import AccountId, IntegrationId
from events.sentences import what_happened
from events.sql_files import load_queries

ENTRIES_SHOWN = 50
ACTORS_SHOWN = 100
EXPORT_ROWS_PER_FETCH = 1_000
EXPORT_SECONDS_MAX = 600.0
NUMBER_MAX = 2**63 - 1
VERSION_MAX = 2**31 - 1

_INTEGRATION = "integration/"
_MEMBER = re.compile(r"\bmember ([1-9][0-9]*)\b")


class ActivityEntry(NamedTuple):
    """``cursor``: what ``before`` is for the next page; a number, or a version of the stream."""

    number: int
    cursor: int
    at: datetime
    type: str
    actor: str
    sentence: str
    integration_id: int | None


class ActivityPage(NamedTuple):
    """``older``: the cursor of the next page, None on the last page."""

    entries: list[ActivityEntry]
    older: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityFilters:
    """``since`` is inclusive, ``until`` is exclusive. None: no filter."""

    type: str | None = None
    actor: str | None = None
    integration_id: IntegrationId | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        stream = None if self.integration_id is None else f"{_INTEGRATION}{self.integration_id}"
        return self.type, self.actor, stream, self.since, self.until


def actor_name(actor: str, names: Mapping[str, str]) -> str:
    """``names``: e-mail addresses by actor; an address may have been deleted."""
    if actor in names:
        return names[actor]
    kind, _, number = actor.partition("/")
    match kind:
        case "system":
            return "The operator"
        case "connect-token":
            return f"Connect token {number}"
        case "member":
            return f"Member {number}"
        case _:
            return actor


async def integration_activity(
    pool: Pool[Record],
    integration_id: IntegrationId,
    names: Mapping[str, str],
    *,
    before: int = VERSION_MAX,
) -> ActivityPage:
    """The events of one integration, newest first. The caller has checked that it may be read."""
    query = load_queries("services.tokens.web")["stream_events"]
    stream = f"{_INTEGRATION}{integration_id}"
    rows = await pool.fetch(query, stream, before, ENTRIES_SHOWN + 1)
    subjects = {stream: "this integration"}
    return _activity_page([_entry(row, names, subjects, cursor=row["version"]) for row in rows])


async def account_activity(
    pool: Pool[Record],
    account_id: AccountId,
    filters: ActivityFilters,
    names: Mapping[str, str],
    *,
    before: int = NUMBER_MAX,
) -> ActivityPage:
    """The events of all streams of the account and of the log itself, newest first."""
    queries = load_queries("services.tokens.web")
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(queries["force_custom_plan"])
        rows = await connection.fetch(
            queries["account_events"], account_id, before, *filters.values, ENTRIES_SHOWN + 1
        )
        integrations = {_integration_of(row["stream"]) for row in rows} - {None}
        found = await connection.fetch(queries["display_names"], account_id, list(integrations))
    subjects = {f"{_INTEGRATION}{row['integration_id']}": row["display_name"] for row in found}
    return _activity_page([_entry(row, names, subjects, cursor=row["number"]) for row in rows])


async def account_actors(pool: Pool[Record], account_id: AccountId) -> list[str]:
    query = load_queries("services.tokens.web")["account_actors"]
    return ["system", *(row["actor"] for row in await pool.fetch(query, account_id, ACTORS_SHOWN))]


async def export_lines(
    pool: Pool[Record], account_id: AccountId, filters: ActivityFilters
) -> AsyncIterator[bytes]:
    """The events of ``account_activity`` as stored, oldest first: NDJSON in large chunks."""
    queries = load_queries("services.tokens.web")
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(queries["force_custom_plan"])
        cursor = await connection.cursor(
            queries["account_records"],
            account_id,
            NUMBER_MAX,
            *filters.values,
            timeout=EXPORT_SECONDS_MAX,
        )
        while rows := await cursor.fetch(EXPORT_ROWS_PER_FETCH):
            yield "".join(f"{row['record']}\n" for row in rows).encode()


def _activity_page(entries: list[ActivityEntry]) -> ActivityPage:
    """``entries`` contains one more than is shown if there is an older page."""
    shown = entries[:ENTRIES_SHOWN]
    return ActivityPage(shown, shown[-1].cursor if len(entries) > ENTRIES_SHOWN else None)


def _entry(
    row: Record, names: Mapping[str, str], subjects: Mapping[str, str], *, cursor: int
) -> ActivityEntry:
    """``subjects``: how the sentence names a stream."""
    stream: str = row["stream"]
    sentence = what_happened(row["type"], row["data"], stream, subject=subjects.get(stream))
    if row["type"].startswith("Member"):
        sentence = _MEMBER.sub(lambda member: _member_with_email(member, names), sentence)
    return ActivityEntry(
        number=row["number"],
        cursor=cursor,
        at=row["recorded_at"],
        type=row["type"],
        actor=actor_name(row["actor"], names),
        sentence=sentence,
        integration_id=_integration_of(stream),
    )


def _integration_of(stream: str) -> int | None:
    return int(stream.removeprefix(_INTEGRATION)) if stream.startswith(_INTEGRATION) else None


def _member_with_email(member: re.Match[str], names: Mapping[str, str]) -> str:
    """``member 3 (ada@example.com)``; without the address if it was deleted."""
    name = names.get(f"member/{member[1]}")
    return member[0] if name is None else f"{member[0]} ({name})"
