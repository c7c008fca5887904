"""Append to the event log and read it. ``events/sql/README.md`` describes the guarantees."""

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
    """``duplicate``: the command had been recorded before, at this position."""

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
    """Append all facts or none, with consecutive numbers. ``expected_version`` 0: a new stream.

    Idempotent for the same command id and facts. The head of the log stays locked until the
    transaction around this call ends, so call it last in the transaction. Raises StreamMoved,
    EventConflict, LogBusy, LogHalted, or ConstraintViolated if a constraint of a projection
    refuses the facts.
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
    """All facts of the stream, in order. The next append expects the version of the last one."""
    return [
        _recorded(r) for r in await connection.fetch(load_queries("events")["read_stream"], stream)
    ]


async def read_all(
    connection: AnyConnection, *, after: int = -1, until: int | None = None
) -> AsyncIterator[Recorded]:
    """All facts with ``after < number <= until``, in order, read in pages."""
    query = load_queries("events")["read_all"]
    while rows := await connection.fetch(query, after, until, PAGE_EVENTS_MAX):
        for row in rows:
            yield _recorded(row)
        after = rows[-1]["number"]


async def size(connection: AnyConnection) -> int:
    """The number of facts in the log, which is the number of the next fact."""
    row = await connection.fetchrow(load_queries("events")["head"])
    assert row is not None, "the first migration inserts the only row of the head"
    return int(row["size"])


async def number_at(connection: AnyConnection, moment: datetime) -> EventNumber | None:
    """The number of the last fact recorded at or before ``moment``; None if there is none."""
    number = await connection.fetchval(load_queries("events")["number_at"], moment)
    return None if number is None else EventNumber(number)


async def moment_of(connection: AnyConnection, number: int) -> datetime | None:
    moment: datetime | None = await connection.fetchval(load_queries("events")["moment_of"], number)
    return moment


async def now(connection: AnyConnection) -> datetime:
    """The time of the database server, which is the time of facts."""
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
