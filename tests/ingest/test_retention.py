"""Bodies go after their days, by whole partitions, and never before they are loaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from asyncpg import Connection, Pool, Record

from events.ids import new_batch_id
from events.sql_files import load_queries
from services.journal.partitions import drop_old_partitions, maintain_partitions
from services.runtime.clock import SystemClock
from services.runtime.database import connect, pool
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually

load_queries("services.ingest")
load_queries("services.journal")
KEEP_DAYS = 14
OLD, OLDER = timedelta(days=20), timedelta(days=30)


@pytest.fixture
async def ingest(role_url: RoleUrl) -> AsyncGenerator[Pool[Record]]:
    url = role_url("pushgate_ingest")
    async with pool(url, application_name="test", connections_max=2) as connections:
        yield connections


async def keep(database: Connection[Record], age: timedelta) -> datetime:
    """A loaded batch of that age, with receipt and body; its day's partition is made."""
    received_at = SystemClock().now() - age
    await database.execute("SELECT journal.make_partitions($1, 1)", received_at.date())
    batch_id = new_batch_id(int(received_at.timestamp() * 1000))
    await database.execute(
        "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
        " records, bytes, body_sha256, received_at, log_size)"
        " VALUES ($1, 1, 1, 'push', '{t}', 1, 1, sha256('x'), $2, 1)",
        batch_id,
        received_at,
    )
    await database.execute(
        "INSERT INTO journal.bodies VALUES ($1, $2, 'application/json', 'x')", batch_id, received_at
    )
    return received_at


async def put_on_the_list(
    database: Connection[Record], received_at: datetime, failed_at: datetime | None
) -> None:
    await database.execute(
        "INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name,"
        " records, bytes, received_at, failed_at) SELECT batch_id, 0, number, 1, 't', 1, 1,"
        " received_at, $2 FROM journal.receipts WHERE received_at = $1",
        received_at,
        failed_at,
    )


async def bodies(database: Connection[Record]) -> list[datetime]:
    rows = await database.fetch("SELECT received_at FROM journal.bodies ORDER BY received_at")
    return [row[0] for row in rows]


async def drop(ingest: Pool[Record]) -> float:
    return await drop_old_partitions(ingest, SystemClock(), keep_days=KEEP_DAYS)


async def test_old_bodies_go_and_receipts_stay(
    ingest: Pool[Record], database: Connection[Record]
) -> None:
    await keep(database, OLDER)
    await keep(database, OLD)
    young = await keep(database, timedelta(days=1))

    await drop(ingest)

    assert await bodies(database) == [young]
    assert await database.fetchval("SELECT count(*) FROM journal.receipts") == 3


async def test_a_body_is_kept_for_all_its_days(
    ingest: Pool[Record], database: Connection[Record]
) -> None:
    young = await keep(database, timedelta(days=KEEP_DAYS))
    await keep(database, timedelta(days=KEEP_DAYS + 1))

    await drop(ingest)

    assert await bodies(database) == [young]


@pytest.mark.parametrize("failed_at", [None, datetime(2026, 11, 1, tzinfo=UTC)])
async def test_a_batch_that_waits_or_was_set_aside_keeps_its_day(
    ingest: Pool[Record], database: Connection[Record], failed_at: datetime | None
) -> None:
    waiting = await keep(database, OLDER)
    await keep(database, OLD)
    await put_on_the_list(database, waiting, failed_at)

    await drop(ingest)

    assert await bodies(database) == [waiting]


async def test_the_default_partition_stays(
    ingest: Pool[Record], database: Connection[Record]
) -> None:
    stray = SystemClock().now() - OLDER
    await database.execute(
        "INSERT INTO journal.bodies VALUES ($1, $2, 'application/json', 'x')",
        new_batch_id(0),
        stray,
    )

    await drop(ingest)

    assert await bodies(database) == [stray]


async def test_a_lock_is_not_waited_for_and_tried_again(
    ingest: Pool[Record], database: Connection[Record], database_url: str
) -> None:
    old = await keep(database, OLD)
    reader = await connect(database_url, application_name="test")
    async with reader.transaction():
        await reader.execute("SELECT FROM journal.bodies")
        back_in_seconds = await drop(ingest)
    left = await bodies(database)
    await drop(ingest)
    await reader.close()

    assert back_in_seconds == 60.0
    assert left == [old]
    assert await bodies(database) == []


async def test_a_batch_listed_anew_meanwhile_keeps_its_day(
    ingest: Pool[Record], database: Connection[Record]
) -> None:
    old = await keep(database, OLD)
    async with database.transaction():
        await database.execute(
            "SELECT journal.reload(array_agg(batch_id), array_agg(0)) FROM journal.receipts"
        )
        meanwhile = await drop(ingest)
    afterwards = await drop(ingest)

    assert (meanwhile, afterwards) == (60.0, 86_400.0)
    assert await bodies(database) == [old]


async def test_today_cannot_be_dropped(ingest: Pool[Record]) -> None:
    tomorrow = SystemClock().now().date() + timedelta(days=1)

    with pytest.raises(asyncpg.InvalidParameterValueError):
        await ingest.fetchval("SELECT journal.drop_partition($1)", tomorrow)


async def test_old_bodies_go_as_soon_as_the_loop_begins(
    ingest: Pool[Record], database: Connection[Record]
) -> None:
    await keep(database, OLD)
    ending = asyncio.Event()
    loop = asyncio.create_task(
        maintain_partitions(
            ingest, SystemClock(), ending, pause_seconds=3600.0, keep_bodies_days=KEEP_DAYS
        )
    )

    await eventually(lambda: is_empty(database))
    ending.set()
    await loop


async def is_empty(database: Connection[Record]) -> bool:
    return not await bodies(database)


async def test_a_day_is_told_when_it_goes(database: Connection[Record]) -> None:
    old = await keep(database, OLD)

    dropped: date = await database.fetchval("SELECT journal.drop_partition(current_date - 14)")

    assert dropped == old.date()
