"""The stored text of a fact is what is hashed, signed and exported: it is the evidence."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

import asyncpg
import orjson
import pytest
from asyncpg import Connection, Record

from events import log
from events.errors import ConstraintViolated
from events.ids import CommandId
from events.types import TokenGenerated
from tests.events.facts import created

COMMAND = CommandId(UUID("00000000-0000-4000-8000-000000000001"))
HASH = "5f" * 32

# Time and origin differ from log to log. If anything else differs, exports and proofs change.
GOLDEN = (
    '{"specversion":"1.0","sequence":"00000000000000000001","time":"TIME",'
    '"id":"95106582-bfac-5616-b323-6a5039fc43c2","source":"/pushgate/ORIGIN",'
    '"type":"TokenGenerated","subject":"integration/12","streamversion":2,'
    '"actor":"connect-token/9","data":{"token_id":3,"token_hash":"' + HASH + '",'
    '"last_four":"wXyZ"}}'
)


async def append_golden(connection: Connection[Record]) -> None:
    await log.append(
        connection,
        "integration/12",
        0,
        [created(12), TokenGenerated(token_id=3, token_hash=HASH, last_four="wXyZ")],
        command_id=COMMAND,
        actor="connect-token/9",
    )


async def test_golden_bytes(writer: Connection[Record]) -> None:
    await append_golden(writer)

    text = await writer.fetchval("SELECT record::text FROM ledger.event WHERE number = 1")

    origin = await writer.fetchval("SELECT origin FROM ledger.head")
    time = r'"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"'
    assert re.sub(time, '"time":"TIME"', text).replace(origin, "ORIGIN") == GOLDEN


async def test_the_leaf_hash_is_that_of_the_text(writer: Connection[Record]) -> None:
    await append_golden(writer)

    rows = await writer.fetch("SELECT record::text AS text, leaf_hash FROM ledger.event")

    assert [row["leaf_hash"] for row in rows] == [
        hashlib.sha256(b"\x00" + row["text"].encode()).digest() for row in rows
    ]


async def test_every_column_says_what_the_text_says(writer: Connection[Record]) -> None:
    await append_golden(writer)

    row = await writer.fetchrow("SELECT * FROM ledger.event WHERE number = 1")

    assert row is not None
    told = orjson.loads(row["record"])
    assert told["sequence"] == f"{row['number']:020}"
    assert told["id"] == str(row["event_id"])
    assert (told["subject"], told["streamversion"]) == (row["stream"], row["version"])
    assert (told["type"], told["actor"]) == (row["type"], row["actor"])
    assert told["time"] == row["recorded_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize(
    "name",
    ['"', "\\", "\u2028\u2029", "Caf\u00e9", "\U0001f469\u200d\U0001f680", "</script>", "\\u0000"],
)
async def test_texts_come_back_as_they_went_in(name: str, writer: Connection[Record]) -> None:
    fact = created(12, name=name)

    await log.append(writer, "integration/12", 0, [fact], command_id=COMMAND, actor='"x"\n')

    (recorded,) = await log.read_stream(writer, "integration/12")
    assert recorded.fact == fact
    assert recorded.actor == '"x"\n'
    text = await writer.fetchval("SELECT record::text FROM ledger.event")
    assert "\n" not in text


async def test_a_record_over_the_entry_limit_is_refused(writer: Connection[Record]) -> None:
    """65,535 bytes is what a tile's entry can hold."""
    with pytest.raises(ConstraintViolated, match="event_record_check"):
        await log.append(
            writer,
            "integration/12",
            0,
            [created(12, name="x" * 33_000)],
            command_id=COMMAND,
            actor="system",
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.event SET record = record",
        "DELETE FROM ledger.event",
        "TRUNCATE ledger.event",
    ],
)
async def test_not_even_the_owner_rewrites_history(
    statement: str, writer: Connection[Record], database: Connection[Record]
) -> None:
    await append_golden(writer)

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await database.execute(statement)
