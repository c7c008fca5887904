"""A projection that was changed by hand is named, row by row and side by side."""

from __future__ import annotations

from typing import Any

import pytest
from asyncpg import Connection, Record

from events import log, replay
from events.ids import new_command_id
from events.types import (
    ConnectTokenRevoked,
    Fact,
    MemberAdded,
    MemberLinkMade,
    MemberRemoved,
    MemberRoleChanged,
    TokenRevoked,
)
from services.tokens.use_cases.drift_monitor import PROJECTIONS
from tests.events.facts import connect_token, created, opened, token
from tests.events.other_values import other_values

CONNECT_TOKEN, REVOKED_CONNECT_TOKEN = connect_token(), connect_token()
LIFE: list[tuple[str, list[Fact]]] = [
    (
        "account/1",
        [
            opened(1),
            CONNECT_TOKEN,
            REVOKED_CONNECT_TOKEN,
            ConnectTokenRevoked(connect_token_id=REVOKED_CONNECT_TOKEN.connect_token_id),
            MemberAdded(member_id=31, role="owner"),
            MemberAdded(member_id=32, role="member"),
            MemberRoleChanged(member_id=32, role="auditor"),
            MemberLinkMade(member_id=32),
            MemberAdded(member_id=33, role="member"),
            MemberRemoved(member_id=33),
        ],
    ),
    ("integration/5", [created(5, name="five"), token(51), token(52), TokenRevoked(token_id=51)]),
]

FORGE_A_TOKEN = """INSERT INTO tokens.active_tokens
    SELECT sha256('x'), 99, 'evil', 5, 1, 'five', 'active', now(), 1, 1"""

# What somebody did, in which table it is found, and what is named in the fold and in the table.
CHANGES = [
    ("DELETE FROM tokens.active_tokens", "active_tokens", ["52"], []),
    ("UPDATE tokens.active_tokens SET state = 'paused'", "active_tokens", ["52"], ["52"]),
    ("UPDATE tokens.active_tokens SET last_four = 'evil'", "active_tokens", ["52"], ["52"]),
    (
        FORGE_A_TOKEN,
        "active_tokens",
        [],
        ["99"],
    ),
    ("DELETE FROM tokens.retired_tokens", "retired_tokens", ["51"], []),
    ("UPDATE tokens.integrations SET account_id = 2", "integrations", ["5"], ["5"]),
    ("UPDATE tokens.schema_names SET account_id = 2", "schema_names", ["five"], ["five"]),
    ("DELETE FROM tokens.accounts", "accounts", ["1"], []),
    ("UPDATE tokens.members SET role = 'owner'", "members", ["32"], ["32"]),
    ("DELETE FROM tokens.members", "members", ["31", "32"], []),
    (
        "UPDATE tokens.connect_tokens SET role = 'owner'",
        "connect_tokens",
        [str(CONNECT_TOKEN.connect_token_id)],
        [str(CONNECT_TOKEN.connect_token_id)],
    ),
]


async def compared(connection: Connection[Record]) -> replay.Comparison:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await replay.compare(connection, PROJECTIONS)


@pytest.fixture
async def lived(writer: Connection[Record]) -> Connection[Record]:
    for stream, facts in LIFE:
        command_id = new_command_id()
        await log.append(writer, stream, 0, facts, command_id=command_id, actor="system")
    return writer


async def test_what_nobody_touched_matches(lived: Connection[Record]) -> None:
    found = await compared(lived)

    assert found.match
    assert found.size == 14


@pytest.mark.parametrize(("change", "table", "in_fold", "in_table"), CHANGES)
async def test_a_change_by_hand_is_named(
    change: str,
    table: str,
    in_fold: list[str],
    in_table: list[str],
    lived: Connection[Record],
    database: Connection[Record],
) -> None:
    await database.execute(change)

    found = await compared(lived)

    assert found.only_in_fold == [replay.Difference(table, name) for name in in_fold]
    assert found.only_in_table == [replay.Difference(table, name) for name in in_table]
    assert not found.match


def test_every_projection_has_a_change_here() -> None:
    tried: set[Any] = {table for _, table, _, _ in CHANGES}

    assert tried == {projection.table for projection in PROJECTIONS}


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("table", [projection.table for projection in PROJECTIONS])
async def test_no_column_of_a_projection_can_be_changed_unseen(
    table: str, database: Connection[Record]
) -> None:
    name = f"tokens.{table}"
    for column, other in (await other_values(database, name)).items():
        transaction = database.transaction()
        await transaction.start()
        await database.execute(
            f"UPDATE {name} SET {column} = {other} WHERE ctid = (SELECT max(ctid) FROM {name})"
        )
        found = await replay.compare(database, PROJECTIONS)
        await transaction.rollback()

        assert {one.table for one in found.only_in_fold} == {table}, column
        assert {one.table for one in found.only_in_table} == {table}, column


@pytest.mark.usefixtures("lived")
async def test_a_column_of_the_log_that_was_set_apart_from_its_text_is_named(
    database: Connection[Record],
) -> None:
    """A table and its fold would both believe it: that is what the owner of the table could do."""
    columns = await other_values(database, "ledger.event")
    assert columns.pop("record") == ""

    for column, other in columns.items():
        transaction = database.transaction()
        await transaction.start()
        await database.execute(
            f"""
            ALTER TABLE ledger.event DISABLE TRIGGER append_only;
            ALTER TABLE ledger.event ALTER COLUMN {column} DROP EXPRESSION;
            UPDATE ledger.event SET {column} = {other} WHERE event_id =
                (SELECT event_id FROM ledger.event WHERE token_id = 51 AND type = 'TokenRevoked')
            """
        )
        found = await replay.compare(database, [replay.LOG])
        await transaction.rollback()

        named = [replay.Difference("event", "113" if column == "number" else "13")]
        assert (found.only_in_fold, found.only_in_table) == (named, named), column


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("size", [13, 15])
async def test_a_head_that_is_not_the_number_of_events_is_named(
    size: int, database: Connection[Record]
) -> None:
    await database.execute("UPDATE ledger.head SET size = $1", size)

    found = await replay.compare(database, [replay.LOG])

    assert found.only_in_fold == [replay.Difference("event", "head")]


async def test_texts_and_columns_of_a_log_agree(lived: Connection[Record]) -> None:
    assert (await replay.compare(lived, [replay.LOG])).match
