"""Order: whoever follows by number misses nothing; a naive log does, and the probe shows it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from events import log
from events.ids import new_command_id
from events.log import AnyConnection
from services.runtime.database import connect
from tests.database.fixtures import RoleUrl
from tests.events.facts import connect_token, opened
from tests.eventually import eventually
from tests.rounds import rounds

WRITERS = 8
APPENDS = rounds(small=40, full=1_000)
# One commit in ten comes up to 10 ms late, one in ten not at all.
LATE = "SELECT pg_sleep(random() * 0.01)"

Write = Callable[[AnyConnection, int], Awaitable[None]]
Read = Callable[[AnyConnection, int], Awaitable[list[int]]]


class GivenUp(Exception):
    pass


@contextlib.asynccontextmanager
async def open_connections(url: str, many: int) -> AsyncGenerator[list[AnyConnection]]:
    found = [await connect(url, application_name="test order") for _ in range(many)]
    try:
        yield [*found]
    finally:
        for one in found:
            await one.close()


async def write_all(connection: AnyConnection, writer: int, write: Write) -> None:
    dice = random.Random(writer)  # noqa: S311 - the same run every time
    for turn in range(APPENDS):
        fate = dice.randrange(10) if turn else 9
        with contextlib.suppress(GivenUp):
            async with connection.transaction():
                await write(connection, writer)
                if fate == 0:
                    await connection.execute(LATE)
                if fate == 1:
                    raise GivenUp


async def tail(connection: AnyConnection, read: Read, done: asyncio.Event) -> list[int]:
    """Reads on from the last number seen, as every consumer does, until all is written."""
    seen: list[int] = []
    while True:
        finished = done.is_set()
        found = await read(connection, seen[-1] if seen else -1)
        seen += found
        if finished and not found:
            return seen


async def probe(connections: list[AnyConnection], write: Write, read: Read) -> list[int]:
    done = asyncio.Event()
    tailing = asyncio.create_task(tail(connections[0], read, done))
    await asyncio.gather(
        *(write_all(one, number, write) for number, one in enumerate(connections[1:], start=1))
    )
    done.set()
    return await tailing


async def test_a_reader_who_follows_the_log_misses_nothing(role_url: RoleUrl) -> None:
    async def write(connection: AnyConnection, writer: int) -> None:
        recorded = await connection.fetchval(
            "SELECT count(*) FROM ledger.event WHERE stream = $1", f"account/{writer}"
        )
        fact = connect_token() if recorded else opened(writer)
        await log.append(
            connection,
            f"account/{writer}",
            recorded,
            [fact],
            command_id=new_command_id(),
            actor="system",
        )

    async def read(connection: AnyConnection, after: int) -> list[int]:
        return [one.number async for one in log.read_all(connection, after=after)]

    async with open_connections(role_url("pushgate_tokens"), WRITERS + 1) as connections:
        seen = await probe(connections, write, read)
        size = await log.size(connections[0])
        out_of_time = await connections[0].fetchval(
            "SELECT count(*) FROM (SELECT recorded_at, lag(recorded_at) OVER (ORDER BY number)"
            " AS before FROM ledger.event) e WHERE before >= recorded_at"
        )

    assert seen == list(range(size))
    assert size > WRITERS * APPENDS / 2
    assert out_of_time == 0


async def test_the_probe_catches_a_log_numbered_by_a_sequence(
    database: AnyConnection, database_url: str
) -> None:
    """If this fails the test above proves nothing."""

    async def write(connection: AnyConnection, writer: int) -> None:
        await connection.execute("INSERT INTO naive.log (writer) VALUES ($1)", writer)

    async def read(connection: AnyConnection, after: int) -> list[int]:
        query = "SELECT number FROM naive.log WHERE number > $1 ORDER BY number"
        return [row["number"] for row in await connection.fetch(query, after)]

    await database.execute("CREATE SCHEMA naive CREATE TABLE log (number bigserial, writer int)")
    async with open_connections(database_url, WRITERS + 1) as connections:
        seen = await probe(connections, write, read)
        written = set(await read(connections[0], -1))
    await database.execute("DROP SCHEMA naive CASCADE")

    assert written - set(seen)


async def somebody_waits(connection: AnyConnection) -> bool:
    """In this database: the server is shared with the run's other processes."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE NOT l.granted AND a.datname = current_database())"
        )
    )


async def test_a_waiting_append_gets_the_next_number_and_a_later_time(
    writer: AnyConnection, second_writer: AnyConnection
) -> None:
    """It began first and commits last: neither its number nor its time may say otherwise."""
    holding = second_writer.transaction()
    await holding.start()
    await log.append(
        second_writer, "account/1", 0, [opened(1)], command_id=new_command_id(), actor="system"
    )
    waiting = asyncio.create_task(
        log.append(writer, "account/2", 0, [opened(2)], command_id=new_command_id(), actor="system")
    )
    await eventually(lambda: somebody_waits(second_writer))
    await holding.commit()

    (place,) = await waiting

    recorded = [one async for one in log.read_all(writer)]
    assert place.number == 1
    assert recorded[0].recorded_at < recorded[1].recorded_at


@pytest.mark.parametrize("steps", [1, 5])
async def test_a_clock_that_goes_back_does_not_take_the_log_with_it(
    steps: int, writer: AnyConnection, database: AnyConnection
) -> None:
    await database.execute("UPDATE ledger.head SET last_at = now() + interval '1 hour'")

    for account in range(1, steps + 1):
        await log.append(
            writer,
            f"account/{account}",
            0,
            [opened(account), connect_token()],
            command_id=new_command_id(),
            actor="system",
        )

    times = [one.recorded_at async for one in log.read_all(writer)]
    assert times == sorted(set(times))
