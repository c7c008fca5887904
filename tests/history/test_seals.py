from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from hashlib import sha256

import asyncpg
import pytest
from asyncpg import Pool, Record
from prometheus_client import REGISTRY

from events.merkle import leaf_hash, root_of
from events.sql_files import load_queries
from services.history.seals import Sealer
from services.runtime.clock import SystemClock
from services.runtime.database import connect, pool
from services.runtime.metrics import HISTORY_SEALED_RECEIPT
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually
from tests.history.appending import accept, small_history
from tests.history.conftest import Client, Database


@pytest.fixture
async def history_pool(role_url: RoleUrl) -> AsyncGenerator[Pool[Record]]:
    async with pool(
        role_url("pushgate_history"), application_name="test", connections_max=2
    ) as connections:
        yield connections


@pytest.fixture
async def sealer(history_pool: Pool[Record], database: Database) -> Sealer:
    await small_history(database)
    return Sealer(history_pool, SystemClock())


async def somebody_waits(database: Database, kind: str) -> bool:
    """In this database: the server is shared with the run's other processes."""
    return bool(
        await database.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE NOT l.granted AND l.locktype = $1 AND a.datname = current_database())",
            kind,
        )
    )


async def texts(client: Client) -> list[bytes]:
    async with client.get("/receipts") as answer:
        assert answer.status == 200
        return (await answer.read()).splitlines()


async def test_a_seal_covers_the_texts_that_are_served(
    sealer: Sealer, client: Client, database: Database
) -> None:
    await accept(database, token_id=2, count=4)
    [seal] = await sealer.seal()
    lines = await texts(client)
    record = json.loads(
        await database.fetchval("SELECT record FROM ledger.event WHERE number = $1", seal.number)
    )

    assert (seal.first, seal.last, seal.count) == (1, 4, 4)
    assert seal.root == root_of([leaf_hash(line) for line in lines]).hex()
    assert record["type"] == "ReceiptsSealed"
    assert record["subject"] == "receipts"
    assert record["data"] == {"first": 1, "last": 4, "count": 4, "root": seal.root}


async def test_a_receipts_text_names_every_column_in_order(
    client: Client, database: Database
) -> None:
    """Golden: sealed roots depend on every byte of it."""
    await database.execute(
        """
        INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables, records,
                                      bytes, body_sha256, received_at, log_size)
        VALUES ('01a2099c-9719-745a-a1fd-9a9e0b2c1c3b', 1, 2, 'batch', ARRAY['ä"b', E'c\nd'], 3, 4,
                $1, '2026-11-23T12:00:00.000001Z', 6)
        """,
        sha256(b"body").digest(),
    )
    [line] = await texts(client)

    assert line.decode() == (
        '{"number":1,"batch_id":"01a2099c-9719-745a-a1fd-9a9e0b2c1c3b","integration_id":1,'
        '"token_id":2,"endpoint":"batch","tables":["ä\\"b","c\\nd"],"records":3,"bytes":4,'
        f'"body_sha256":"{sha256(b"body").hexdigest()}",'
        '"received_at":"2026-11-23T12:00:00.000001Z","log_size":6,"peer":null}'
    )


async def test_seals_follow_each_other_across_gaps(sealer: Sealer, database: Database) -> None:
    await accept(database, token_id=2, count=2)
    [first] = await sealer.seal()
    transaction = database.transaction()
    await transaction.start()
    await accept(database, token_id=2, count=3)
    await transaction.rollback()
    await accept(database, token_id=2, count=1)
    [second] = await sealer.seal()

    assert (first.first, first.last) == (1, 2)
    assert (second.first, second.last, second.count) == (3, 6, 1)


async def test_nothing_new_is_not_sealed(sealer: Sealer, database: Database) -> None:
    assert await sealer.seal() == []
    await accept(database, token_id=2)
    await sealer.seal()

    assert await sealer.seal() == []


async def test_a_seal_waits_for_the_groups_in_hand(
    sealer: Sealer, database: Database, role_url: RoleUrl
) -> None:
    """A receipt of a lower number that commits later would fall into no seal."""
    slow = await connect(role_url("pushgate_ingest"), application_name="a slow group")
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute("SELECT pg_advisory_xact_lock_shared(2, 0)")
    await accept(slow, token_id=2, count=2)
    await accept(database, token_id=2, count=1)
    sealing = asyncio.create_task(sealer.seal())
    await eventually(lambda: somebody_waits(database, "advisory"))
    await transaction.commit()
    await slow.close()
    [seal] = await sealing

    assert (seal.first, seal.last, seal.count) == (1, 3, 3)


async def test_two_at_once_seal_once(
    sealer: Sealer, history_pool: Pool[Record], database: Database
) -> None:
    await accept(database, token_id=2, count=5)
    other = Sealer(history_pool, SystemClock())
    done = await asyncio.gather(sealer.seal(), other.seal(), return_exceptions=True)
    count = await database.fetchval("SELECT count(*) FROM ledger.event WHERE stream = 'receipts'")

    assert count == 1
    assert any(isinstance(one, list) and one for one in done)


@pytest.mark.usefixtures("sealer")
@pytest.mark.parametrize(
    "arguments",
    [
        "2, 5, 4, repeat('a', 64)",
        "0, 5, 4, repeat('a', 64)",
        "1, 0, 0, repeat('a', 64)",
        "1, 5, 6, repeat('a', 64)",
        "1, 5, 0, repeat('a', 64)",
        "1, 5, 5, repeat('A', 64)",
        "1, 5, 5, repeat('a', 63)",
        '1, 5, 5, \'","x":"\'',
        "NULL, 5, 5, repeat('a', 64)",
        "1, 5, 5, NULL",
    ],
)
async def test_history_can_append_no_other_thing(
    arguments: str, history_pool: Pool[Record], database: Database
) -> None:
    size = await database.fetchval("SELECT size FROM ledger.head")
    with pytest.raises((asyncpg.InvalidParameterValueError, asyncpg.SerializationError)):
        await history_pool.execute(f"SELECT ledger.seal({arguments})")

    assert await database.fetchval("SELECT size FROM ledger.head") == size


async def test_an_auditor_may_ask_for_a_seal(client: Client, database: Database) -> None:
    await small_history(database)
    await accept(database, token_id=2, count=2)
    async with client.post("/receipts/seal") as answer:
        [seal] = await answer.json()

    assert (answer.status, seal["first"], seal["last"]) == (200, 1, 2)


async def test_a_seal_that_groups_hold_up_is_to_be_asked_for_again(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = dict(load_queries("services.history")) | {
        "limit_lock_wait": "SET LOCAL lock_timeout = '20ms'"
    }
    monkeypatch.setattr(
        "services.history.seals.load_queries", {"services.history": queries}.__getitem__
    )
    await small_history(database)
    await accept(database, token_id=2)
    async with database.transaction():
        await database.execute("SELECT pg_advisory_xact_lock_shared(2, 0)")
        async with client.post("/receipts/seal") as busy:
            message = (await busy.json())["message"]
    async with client.post("/receipts/seal") as done:
        [seal] = await done.json()

    assert (busy.status, busy.headers["Retry-After"]) == (503, "5")
    assert "try again" in message
    assert (seal["first"], seal["last"]) == (1, 1)


async def test_who_seals_second_is_to_ask_again(client: Client, database: Database) -> None:
    """Of two history processes: each sees the same receipts without a seal."""
    await small_history(database)
    await accept(database, token_id=2)
    async with database.transaction():
        await database.execute("SELECT ledger.seal(1, 1, 1, repeat('a', 64))")
        asked = asyncio.create_task(client.post("/receipts/seal"))
        await eventually(lambda: somebody_waits(database, "transactionid"))
    second = await asked
    async with client.post("/receipts/seal") as again:
        assert await again.json() == []

    assert (second.status, second.headers["Retry-After"]) == (503, "5")


async def test_a_halted_log_takes_no_seal_and_says_so(client: Client, database: Database) -> None:
    await small_history(database)
    await accept(database, token_id=2)
    await database.execute(
        "INSERT INTO ledger.halt (origin, reason) SELECT origin, 'a test' FROM ledger.head"
    )
    async with client.post("/receipts/seal") as answer:
        message = (await answer.json())["message"]

    assert answer.status == 409
    assert "the log is halted" in message


class ClockAt:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0  # a page takes no time, so there is no rest after it


@pytest.mark.parametrize(("minutes", "seals"), [(59, 0), (61, 1)])
async def test_no_receipt_is_without_a_seal_for_longer_than_an_hour(
    minutes: int, seals: int, history_pool: Pool[Record], database: Database
) -> None:
    await small_history(database)
    await accept(database, token_id=2)
    received = await database.fetchval("SELECT received_at FROM journal.receipts")
    ending = asyncio.Event()
    sealer = Sealer(history_pool, ClockAt(received + timedelta(minutes=minutes)))
    turn = asyncio.create_task(sealer.run(ending))
    await asyncio.wait({turn}, timeout=0)  # it has begun, and stops after its first look
    ending.set()
    await turn

    count = await database.fetchval("SELECT count(*) FROM ledger.event WHERE stream = 'receipts'")
    assert count == seals


async def test_what_is_sealed_is_told_after_a_restart(
    history_pool: Pool[Record], sealer: Sealer, database: Database
) -> None:
    await accept(database, token_id=2, count=3)
    await sealer.seal()
    HISTORY_SEALED_RECEIPT.set(0)  # the value in a process that has just started
    ending = asyncio.Event()
    turn = asyncio.create_task(Sealer(history_pool, SystemClock()).run(ending))
    await asyncio.wait({turn}, timeout=0)  # it has begun, and stops after its first look
    ending.set()
    await turn

    last = await database.fetchval("SELECT max(number) FROM journal.receipts")
    assert REGISTRY.get_sample_value("pushgate_history_sealed_receipt") == last
