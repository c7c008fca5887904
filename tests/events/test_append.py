"""Expected versions, idempotence, all or nothing: what the log promises (events/sql/README.md)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest
from asyncpg import Connection, Record

from events import log
from events.errors import ConstraintViolated, EventConflict, LogBusy, StreamMoved
from events.ids import new_command_id
from events.types import Fact
from tests.events.facts import connect_token, created, opened, token

STREAM = "account/1"


async def append(
    connection: Connection[Record], *facts: Fact, expected: int | None = None, stream: str = STREAM
) -> list[log.Appended]:
    return await log.append(
        connection, stream, expected, facts, command_id=new_command_id(), actor="system"
    )


async def test_facts_follow_each_other(writer: Connection[Record]) -> None:
    first = await append(writer, opened(1), connect_token(), expected=0)
    second = await append(writer, connect_token(), expected=2)

    places = [(one.number, one.stream_version, one.duplicate) for one in first + second]
    assert places == [(0, 1, False), (1, 2, False), (2, 3, False)]


async def test_a_stream_is_read_back_as_it_was_written(writer: Connection[Record]) -> None:
    facts: list[Fact] = [opened(1), connect_token(), connect_token()]
    await append(writer, *facts)
    await append(writer, opened(2), stream="account/2")

    recorded = await log.read_stream(writer, STREAM)

    assert [one.fact for one in recorded] == facts
    assert [one.version for one in recorded] == [1, 2, 3]
    assert {one.stream for one in recorded} == {STREAM}


async def test_the_log_is_read_in_order_from_any_place(writer: Connection[Record]) -> None:
    await append(writer, opened(1))
    await append(writer, *(connect_token() for _ in range(9)))

    found = [one.number async for one in log.read_all(writer, after=3, until=7)]

    assert found == [4, 5, 6, 7]


@pytest.mark.parametrize("expected", [0, 1, 3, 99])
async def test_a_stale_decision_is_not_recorded(expected: int, writer: Connection[Record]) -> None:
    await append(writer, opened(1), connect_token())

    with pytest.raises(StreamMoved):
        await append(writer, connect_token(), expected=expected)

    assert await log.size(writer) == 2


async def test_a_stream_that_must_be_new_is_new(writer: Connection[Record]) -> None:
    await append(writer, opened(1), expected=0)

    with pytest.raises(StreamMoved):
        await append(writer, connect_token(), expected=0)


async def test_of_two_decisions_on_one_version_one_is_recorded(
    writer: Connection[Record], second_writer: Connection[Record]
) -> None:
    await append(writer, opened(1))

    found = await asyncio.gather(
        *(append(one, connect_token(), expected=1) for one in (writer, second_writer)),
        return_exceptions=True,
    )

    assert sorted(type(one).__name__ for one in found) == ["StreamMoved", "list"]
    assert await log.size(writer) == 2


async def test_the_same_command_again_changes_nothing(writer: Connection[Record]) -> None:
    command_id = new_command_id()
    facts: list[Fact] = [opened(1), connect_token()]
    first = await log.append(writer, STREAM, 0, facts, command_id=command_id, actor="system")
    await append(writer, connect_token())

    again = await log.append(writer, STREAM, 0, facts, command_id=command_id, actor="system")

    assert [one.number for one in again] == [one.number for one in first]
    assert all(one.duplicate for one in again)
    assert await log.size(writer) == 3


async def test_the_same_command_at_once_is_recorded_once(
    writer: Connection[Record], second_writer: Connection[Record]
) -> None:
    command_id = new_command_id()
    facts: list[Fact] = [opened(1), connect_token()]

    found = await asyncio.gather(
        *(
            log.append(one, STREAM, 0, facts, command_id=command_id, actor="system")
            for one in (writer, second_writer)
        )
    )

    assert sorted(one.duplicate for places in found for one in places) == [
        False,
        False,
        True,
        True,
    ]
    assert await log.size(writer) == 2


async def test_the_same_command_with_other_facts_is_a_conflict(
    writer: Connection[Record],
) -> None:
    command_id, fact = new_command_id(), connect_token()
    await append(writer, opened(1))
    await log.append(writer, STREAM, 1, [fact], command_id=command_id, actor="system")

    others: list[list[Fact]] = [[replace(fact, role="owner")], [fact, connect_token()]]
    for facts in others:
        with pytest.raises(EventConflict):
            await log.append(writer, STREAM, 2, facts, command_id=command_id, actor="system")

    with pytest.raises(EventConflict):
        await log.append(writer, "account/2", 0, [fact], command_id=command_id, actor="system")
    assert await log.size(writer) == 2


async def test_one_fact_that_a_projection_refuses_refuses_all(writer: Connection[Record]) -> None:
    await append(writer, created(1, name="taken"), stream="integration/1")

    with pytest.raises(ConstraintViolated) as caught:
        await append(writer, created(2, name="taken"), token(1), stream="integration/2")

    assert caught.value.constraint == "integrations_live_schema_name"
    assert await log.size(writer) == 1
    assert await writer.fetchval("SELECT count(*) FROM tokens.integrations") == 1


async def test_another_accounts_schema_name_is_refused_by_name(
    writer: Connection[Record],
) -> None:
    await append(writer, created(1, account_id=1, name="taken"), stream="integration/1")

    with pytest.raises(ConstraintViolated) as caught:
        await append(writer, created(2, account_id=2, name="taken"), stream="integration/2")

    assert caught.value.constraint == "schema_names_pkey"


async def test_a_rolled_back_append_leaves_no_gap(writer: Connection[Record]) -> None:
    await append(writer, opened(1))
    async with writer.transaction() as _:
        savepoint = writer.transaction()
        await savepoint.start()
        await append(writer, connect_token())
        await savepoint.rollback()

    (place,) = await append(writer, connect_token())

    assert place.number == 1


async def test_an_append_without_facts_is_a_bug(writer: Connection[Record]) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await append(writer)


async def test_a_head_that_stays_locked_is_given_up(
    writer: Connection[Record], second_writer: Connection[Record]
) -> None:
    """Five seconds: a stuck writer is everybody's problem, but not for ever."""
    async with second_writer.transaction():
        await append(second_writer, opened(1))

        with pytest.raises(LogBusy):
            await append(writer, opened(2), stream="account/2")

    assert await log.size(writer) == 1


async def test_the_moment_of_a_fact_leads_back_to_it(writer: Connection[Record]) -> None:
    await append(writer, opened(1), connect_token(), connect_token())

    moment = await log.moment_of(writer, 1)

    assert moment is not None
    assert await log.number_at(writer, moment) == 1
    assert await log.moment_of(writer, 99) is None


async def test_before_the_first_fact_there_is_none(writer: Connection[Record]) -> None:
    await append(writer, opened(1))
    first = await log.moment_of(writer, 0)
    assert first is not None

    assert await log.number_at(writer, first.replace(year=2000)) is None
