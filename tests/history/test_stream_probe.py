"""A reader of the stream misses nothing and gets nothing twice, whatever happens to it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import aiohttp

from events import log
from events.ids import new_command_id
from events.types import IntegrationRenamed
from services.runtime.database import connect
from tests.database.fixtures import RoleUrl
from tests.history.appending import connect_token_generated, small_history
from tests.history.auditor import AUDITOR, served
from tests.history.conftest import Database
from tests.rounds import rounds

WRITERS = 6
APPENDS = rounds(small=40, full=400)
CUT_EVERY_EVENTS = 37
DELAY_SECONDS_MAX = 0.02


async def write(url: str, seed: int, statement: Callable[[Database], Awaitable[object]]) -> None:
    """One commit in ten is late, and one in ten is taken back."""
    chance = random.Random(seed)  # noqa: S311 - the same every time
    connection = await connect(url, application_name="test writer")
    for _ in range(APPENDS):
        transaction = connection.transaction()
        await transaction.start()
        await statement(connection)
        if chance.random() < 0.1:
            await connection.execute("SELECT pg_sleep($1)", chance.uniform(0, DELAY_SECONDS_MAX))
        if chance.random() < 0.1:
            await transaction.rollback()
        else:
            await transaction.commit()
    await connection.close()


async def rename(connection: Database) -> None:
    await log.append(
        connection,
        "integration/1",
        None,
        [IntegrationRenamed(display_name="probe")],
        command_id=new_command_id(),
        actor="system",
    )


class StreamReader:
    """Follows /events/stream over connections that are cut again and again."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.connections = 0

    async def follow(self, url: str, until: asyncio.Event, size: Callable[[], int]) -> None:
        headers = {"Authorization": f"Bearer {AUDITOR}"}
        async with aiohttp.ClientSession(url, headers=headers) as session:
            while not (until.is_set() and self.received and self.received[-1] == size() - 1):
                last = self.received[-1] if self.received else -1
                self.connections += 1
                await self._one_connection(
                    session, {"Last-Event-ID": str(last)} if last >= 0 else {}
                )

    async def _one_connection(self, session: aiohttp.ClientSession, resume: dict[str, str]) -> None:
        taken = 0
        try:
            async with session.get(
                "/events/stream", headers=resume, timeout=aiohttp.ClientTimeout(total=2)
            ) as answer:
                async for line in answer.content:
                    if line.startswith(b"id: "):
                        self.received.append(int(line[4:]))
                        taken += 1
                    if taken == CUT_EVERY_EVENTS:
                        return
        except (TimeoutError, aiohttp.ClientError):
            return


async def missed_by_a_naive_feed(database: Database, url: str) -> int:
    """The same writers and a reader with a cursor, over what most feeds are numbered by."""
    await database.execute("CREATE SCHEMA naive CREATE TABLE log (number bigserial, a int)")

    async def insert(connection: Database) -> None:
        await connection.execute("INSERT INTO naive.log (a) VALUES (1)")

    received: list[int] = []
    writing = asyncio.gather(*(write(url, seed, insert) for seed in range(WRITERS)))
    while not writing.done():
        cursor = received[-1] if received else 0
        rows = await database.fetch(
            "SELECT number FROM naive.log WHERE number > $1 ORDER BY number", cursor
        )
        received += [row["number"] for row in rows]
    await writing
    query = "SELECT count(*) FROM naive.log WHERE number <= $1"
    there: int = await database.fetchval(query, received[-1])
    await database.execute("DROP SCHEMA naive CASCADE")
    return there - len(received)


async def test_a_stream_that_is_cut_again_and_again_has_no_gap_and_no_duplicate(
    database: Database, database_url: str, role_url: RoleUrl
) -> None:
    await connect_token_generated(database, AUDITOR, role="auditor")
    await small_history(database)
    done, size, reader = asyncio.Event(), 0, StreamReader()
    async with served(role_url("pushgate_history")) as server:
        url = str(server.make_url("/"))
        following = asyncio.create_task(reader.follow(url, done, lambda: size))
        await asyncio.gather(
            *(write(role_url("pushgate_tokens"), seed, rename) for seed in range(WRITERS))
        )
        size = await database.fetchval("SELECT size FROM ledger.head")
        done.set()
        await asyncio.wait_for(following, 40)

    assert reader.received == list(range(size))
    assert reader.connections > 3
    assert await missed_by_a_naive_feed(database, database_url) > 0, "the probe cannot fail"


def _always(size: int) -> Callable[[], int]:
    return lambda: size


async def test_a_reader_goes_on_where_a_restarted_service_left_it(
    database: Database, role_url: RoleUrl
) -> None:
    await connect_token_generated(database, AUDITOR, role="auditor")
    await small_history(database)
    reader, done = StreamReader(), asyncio.Event()
    done.set()
    for _ in range(3):
        await write(role_url("pushgate_tokens"), 1, rename)
        size: int = await database.fetchval("SELECT size FROM ledger.head")
        async with served(role_url("pushgate_history")) as server:
            url = str(server.make_url("/"))
            await asyncio.wait_for(reader.follow(url, done, _always(size)), 40)

    assert reader.received == list(range(reader.received[-1] + 1))
