"""Append to the log and read it. The guarantees are in ``events/sql/README.md``."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg
import orjson
from asyncpg import Connection, Record
from asyncpg.pool import PoolConnectionProxy

from events.codec import decode, encode
from events.errors import ConstraintViolated, EventConflict, LogBusy, LogHalted, StreamMoved
from events.ids import CommandId, EventId, EventNumber, event_id
from events.sql_files import load_queries
from events.types import Fact

AnyConnection: TypeAlias = "Connection[Record] | PoolConnectionProxy[Record]"

PAGE_EVENTS_MAX = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Appended:
    """``duplicate``: this command was recorded before, and this is where."""

    number: EventNumber
    stream_version: int
    duplicate: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    number: EventNumber
    event_id: EventId
    stream: str
    version: int
    actor: str
    recorded_at: datetime
    fact: Fact


async def append(
    connection: AnyConnection,
    stream: str,
    expected_version: int | None,
    facts: Sequence[Fact],
    *,
    command_id: CommandId,
    actor: str,
) -> list[Appended]:
    """Write all facts or none, with numbers that follow each other; 0 means a new stream.

    Idempotent for the same command id and facts. The head stays locked until the transaction
    around this call ends, so it comes last in it. Raises StreamMoved, EventConflict, LogBusy,
    LogHalted, or ConstraintViolated when a projection's constraint refuses the facts.
    """
    entries = b",".join(_entry(command_id, index, fact) for index, fact in enumerate(facts))
    query = load_queries("events")["append"]
    try:
        rows = await connection.fetch(
            query, stream, expected_version, actor, (b"[" + entries + b"]").decode()
        )
    except asyncpg.SerializationError as error:
        raise StreamMoved(str(error)) from error
    except asyncpg.LockNotAvailableError as error:
        raise LogBusy(str(error)) from error
    except asyncpg.ObjectNotInPrerequisiteStateError as error:
        raise LogHalted(str(error)) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise _violation(error) from error
    return [Appended(**row) for row in rows]


def _entry(command_id: CommandId, index: int, fact: Fact) -> bytes:
    name, data = encode(fact)
    return orjson.dumps(
        {"id": event_id(command_id, index), "type": name, "data": orjson.Fragment(data)}
    )


def _violation(error: asyncpg.IntegrityConstraintViolationError) -> Exception:
    match error.constraint_name:
        case "event_stream_version_key":
            return StreamMoved(str(error))
        case "event_content" | "event_event_id_key":
            return EventConflict(str(error))
        case constraint:
            return ConstraintViolated(constraint or "", str(error))


async def read_stream(connection: AnyConnection, stream: str) -> list[Recorded]:
    """Every fact of the stream in order; the last one's version is what the next append expects."""
    return [
        _recorded(r) for r in await connection.fetch(load_queries("events")["read_stream"], stream)
    ]


async def read_all(
    connection: AnyConnection, *, after: int = -1, until: int | None = None
) -> AsyncIterator[Recorded]:
    """Every fact with ``after < number <= until``, in order of number, read page by page."""
    query = load_queries("events")["read_all"]
    while rows := await connection.fetch(query, after, until, PAGE_EVENTS_MAX):
        for row in rows:
            yield _recorded(row)
        after = rows[-1]["number"]


async def size(connection: AnyConnection) -> int:
    """How many facts there are, which is the next fact's number."""
    row = await connection.fetchrow(load_queries("events")["head"])
    assert row is not None, "the head's one row is made by the first migration"
    return int(row["size"])


async def number_at(connection: AnyConnection, moment: datetime) -> EventNumber | None:
    """The last fact at or before the moment, or None before the first."""
    number = await connection.fetchval(load_queries("events")["number_at"], moment)
    return None if number is None else EventNumber(number)


async def moment_of(connection: AnyConnection, number: int) -> datetime | None:
    moment: datetime | None = await connection.fetchval(load_queries("events")["moment_of"], number)
    return moment


async def now(connection: AnyConnection) -> datetime:
    """By the clock that gives facts their times."""
    moment: datetime = await connection.fetchval(load_queries("events")["now"])
    return moment


def _recorded(row: Any) -> Recorded:
    return Recorded(
        number=row["number"],
        event_id=row["event_id"],
        stream=row["stream"],
        version=row["version"],
        actor=row["actor"],
        recorded_at=row["recorded_at"],
        fact=decode(row["type"], row["data"]),
    )
