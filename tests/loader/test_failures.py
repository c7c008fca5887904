"""Leases, locks, damaged bodies and customers' constraints: what they delay, and for how long."""

from __future__ import annotations

import asyncio
import functools

import pytest

from events.ids import new_worker_id
from services.journal.claims import loader_application_name
from services.loader.scheduling.shared_state import LoadLimits
from tests.eventually import eventually
from tests.loader.gate import INTEGRATION, SCHEMA, Connection, Gate, catalog_of

OTHER = 13


async def test_a_batch_is_loaded_once_however_often_it_is_listed(gate: Gate) -> None:
    """A crash between the destination's commit and the journal's leaves just this behind."""
    batch_id = await gate.push("t", ["id"], {"id": 1, "_sdc_x": 1})
    await gate.load()
    number = await gate.journal.fetchval(
        "SELECT number FROM journal.receipts WHERE batch_id = $1", batch_id
    )
    await gate.destination.execute(
        "INSERT INTO _pushgate.loaded VALUES ($1, 0, 'import_api', now()) ON CONFLICT DO NOTHING",
        batch_id,
    )
    await gate.list_again(batch_id, number, {"t": 1}, 100)

    await gate.load()

    assert len(await gate.rejected()) == 1
    assert await gate.destination.fetchval("SELECT count(*) FROM _pushgate.loaded") == 0


async def test_a_loader_that_died_leaves_marks_that_the_next_one_sweeps(gate: Gate) -> None:
    await gate.load()
    await gate.destination.execute(
        "INSERT INTO _pushgate.loaded VALUES (gen_random_uuid(), 0, 'import_api', now())"
    )

    await gate.load()

    assert await gate.destination.fetchval("SELECT count(*) FROM _pushgate.loaded") == 0


async def test_the_table_of_a_loader_that_hangs_is_taken_over_when_its_lease_ends(
    gate: Gate,
) -> None:
    await gate.push("t", ["id"], {"id": 1})
    hanging = new_worker_id()
    until = await gate.lease_to("t", hanging, seconds=0.7)

    async with gate.connected_as(loader_application_name(hanging)):
        await gate.load()

    loaded_at = await gate.journal.fetchval("SELECT loaded_at FROM loader.loads")
    assert loaded_at >= until
    assert await gate.rows("t") == [(1,)]


async def test_the_table_of_a_loader_that_died_is_taken_over_at_once(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    until = await gate.lease_to("t", new_worker_id(), seconds=3600)

    await gate.load()

    loaded_at = await gate.journal.fetchval("SELECT loaded_at FROM loader.loads")
    assert loaded_at < until
    assert await gate.rows("t") == [(1,)]


async def test_two_loaders_share_the_tables(gate: Gate) -> None:
    for table in range(20):
        for _ in range(3):
            await gate.batch(f"t{table}", None, {}, *({"x": n} for n in range(10)))

    async with gate.loader() as one, gate.loader() as other:
        await eventually(lambda: gate.done(one, other), seconds=30)

    counts = [len(await gate.rows(f"t{table}", "x")) for table in range(20)]
    assert counts == [30] * 20
    assert await gate.journal.fetchval("SELECT sum(batches) FROM loader.loads") == 60


async def test_loaders_without_leases_still_load_everything_once(gate: Gate) -> None:
    """What keeps a batch from being loaded twice is the destination's transaction alone."""
    for _ in range(30):
        await gate.batch("t", None, {}, *({"x": n} for n in range(10)))
        await gate.push("u", ["id"], {"id": 1, "zip__st": 1})

    async with gate.loader(lease_seconds=0.0) as one, gate.loader(lease_seconds=0.0) as other:
        await eventually(lambda: gate.done(one, other), seconds=30)

    assert len(await gate.rows("t", "x")) == 300
    assert len(await gate.reasons()) == 30


async def test_a_table_that_somebody_locks_waits_and_the_others_do_not(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.push("t", ["id"], {"id": 2})
    await gate.push("u", ["id"], {"id": 1})
    lock = gate.destination.transaction()
    await lock.start()
    await gate.destination.execute("LOCK TABLE import_api.t")

    async with gate.loader(slots=2) as loader:
        await eventually(lambda: gate.loaded("u"))
        await eventually(lambda: gate.is_postponed("t"))
        reason = await eventually(lambda: gate.retry_reason("t"))
        await lock.rollback()
        await eventually(lambda: gate.done(loader))

    assert await gate.rows("t") == [(1,), (2,)]
    assert await gate.failure_reasons() == []
    assert f"locked by session {gate.destination.get_server_pid()} of pushgate_loader" in reason
    assert await gate.journal.fetchval("SELECT count(put_back_reason) FROM loader.tables") == 0


async def test_a_damaged_body_costs_its_batch_only(gate: Gate) -> None:
    batch_id = await gate.push("t", ["id"], {"id": 1})
    await gate.push("t", ["id"], {"id": 2})
    await gate.journal.execute(
        "UPDATE journal.bodies SET body = 'garbage' WHERE batch_id = $1", batch_id
    )

    async with gate.loader() as loader:
        await eventually(lambda: gate.done(loader))

    assert await gate.rows("t") == [(2,)]
    assert await gate.failure_reasons() == ["its body is damaged: ZstdError"]


async def test_a_body_that_is_gone_costs_its_batch_only(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.journal.execute("DELETE FROM journal.bodies")
    await gate.push("t", ["id"], {"id": 2})

    async with gate.loader() as loader:
        await eventually(lambda: gate.done(loader))

    assert await gate.rows("t") == [(2,)]
    assert await gate.failure_reasons() == ["its body has been deleted"]


async def test_a_batch_that_another_loader_set_aside_meanwhile_stays_set_aside(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 0})
    await gate.load()
    batch_id = await gate.push("t", ["id"], {"id": 1})
    await gate.push("t", ["id"], {"id": 2})
    lock = gate.destination.transaction()
    await lock.start()
    await catalog_of(gate.destination).lock_table(SCHEMA, "t")

    async with gate.loader() as loader:
        await eventually(gate.a_load_waits_for_a_lock)
        await gate.journal.execute(
            "UPDATE journal.pending SET failed_at = now(), reason = 'x' WHERE batch_id = $1",
            batch_id,
        )
        await lock.rollback()
        await eventually(lambda: gate.done(loader))

    assert await gate.rows("t") == [(0,), (2,)]
    assert await gate.failure_reasons() == ["x"]


async def test_a_batch_that_was_loaded_before_another_loader_gave_it_up_is_off_the_list(
    gate: Gate,
) -> None:
    batch_id = await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    number = await gate.journal.fetchval(
        "SELECT number FROM journal.receipts WHERE batch_id = $1", batch_id
    )
    await gate.destination.execute(
        "INSERT INTO _pushgate.loaded VALUES ($1, 0, 'import_api', now())", batch_id
    )
    await gate.list_again(batch_id, number, {"t": 1}, 100)
    lock = gate.destination.transaction()
    await lock.start()
    await catalog_of(gate.destination).lock_table(SCHEMA, "t")

    async with gate.loader() as loader:
        await eventually(gate.a_load_waits_for_a_lock)
        await gate.journal.execute("UPDATE journal.pending SET failed_at = now(), reason = 'x'")
        await lock.rollback()
        await eventually(lambda: gate.loaded("t"))
        assert await gate.done(loader)

    assert await gate.failure_reasons() == []


async def test_what_stands_beside_a_damaged_body_is_loaded_in_its_place(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not after the switch that came later, which would have emptied the table of it."""
    monkeypatch.setattr("tests.loader.gate.LoadLimits", functools.partial(LoadLimits, records=2))
    key = {"id": {"type": "integer"}}
    await gate.batch("t", ["id"], key, {"id": 9}, version=1)
    await gate.load()
    await gate.push("t", ["id"], {"id": 1})
    damaged = await gate.push("t", ["id"], {"id": 3})
    await gate.journal.execute(
        "UPDATE journal.bodies SET body = 'no zstd' WHERE batch_id = $1", damaged
    )
    switch = [
        {"action": "upsert", "sequence": 6, "data": {"id": 2}},
        {"action": "activate_version", "sequence": 9},
    ]
    await gate.batch("t", ["id"], key, version=2, messages=switch)

    async with gate.loader() as loader:
        await eventually(lambda: gate.done(loader))

    assert await gate.rows("t", "id") == [(2,)]
    assert await gate.failure_reasons() == ["its body is damaged: ZstdError"]


async def test_a_customers_constraint_rejects_nothing_and_is_tried_a_bounded_number_of_times(
    gate: Gate,
) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t ADD COLUMN mine int NOT NULL DEFAULT 0;"
        "ALTER TABLE import_api.t ALTER mine DROP DEFAULT"
    )
    await gate.push("t", ["id"], {"id": 2})
    # As if it had been tried four times: the pauses between tries grow.
    await gate.journal.execute("UPDATE journal.pending SET attempts = 4")

    async with gate.loader() as loader:
        await eventually(lambda: gate.done(loader))

    (reason,) = await gate.failure_reasons()
    assert reason.startswith("23502")
    assert await gate.reasons() == []


@pytest.mark.parametrize(
    "alteration",
    ["ALTER reason TYPE varchar(5)", "DROP COLUMN record", "ALTER record TYPE int USING 1"],
)
async def test_an_altered_table_of_rejects_is_told_by_its_name_and_loads_after_the_repair(
    alteration: str, gate: Gate
) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute(f"ALTER TABLE import_api._sdc_rejected {alteration}")
    batch_id = await gate.push("t", ["id"], {"id": 2}, {"id": 3, "_sdc_x": 1})
    # As if it had been tried four times: the pauses between tries grow.
    await gate.journal.execute("UPDATE journal.pending SET attempts = 4")
    async with gate.loader() as loader:
        await eventually(lambda: gate.done(loader))
    (reason,) = await gate.failure_reasons()
    await gate.destination.execute("DROP TABLE import_api._sdc_rejected")
    await gate.journal.execute("SELECT journal.retry(ARRAY[$1::uuid])", batch_id)

    await gate.load()

    assert reason.startswith(
        "import_api._sdc_rejected was altered and cannot take rejected records ("
    )
    assert await gate.rows("t") == [(1,), (2,)]
    assert len(await gate.reasons()) == 1


async def test_a_failed_load_is_tried_again_batch_by_batch(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t ADD CHECK (id <> 3)")
    for n in (2, 3, 4):
        await gate.push("t", ["id"], {"id": n})

    async with gate.loader():
        await eventually(lambda: gate.tried("t"))
        await gate.journal.execute("UPDATE journal.pending SET attempts = 4")
        await gate.journal.execute("DELETE FROM journal.leases")
        await eventually(gate.nothing_is_pending)

    assert await gate.rows("t") == [(1,), (2,), (4,)]
    assert len(await gate.failure_reasons()) == 1


async def test_a_destination_that_is_away_costs_time_only(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    attempts = 0

    async def connect_at_the_third_try() -> Connection:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConnectionRefusedError
        return await gate.connect()

    async with gate.loader(connect_to=connect_at_the_third_try) as loader:
        await eventually(lambda: gate.done(loader))

    assert attempts == 3
    assert await gate.rows("t") == [(1,)]


async def test_two_first_loads_of_a_schema_do_not_fail_each_other(gate: Gate) -> None:
    one, other = await gate.connect(), await gate.connect()

    async def other_waits() -> bool:
        waits: bool = await gate.destination.fetchval(
            "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1",
            other.get_server_pid(),
        )
        return waits

    # A session that has created a schema before opens no system catalog to create another, and
    # relies on what it knew about this one.
    await catalog_of(other).create_schema("another")
    assert not await catalog_of(other).has_schema(SCHEMA)
    async with one.transaction():
        await catalog_of(one).create_schema(SCHEMA)
        later = asyncio.create_task(catalog_of(other).create_schema(SCHEMA))
        await eventually(other_waits)
    await later

    assert await gate.tables() == {"_sdc_rejected"}
    await one.close()
    await other.close()


async def test_loads_of_one_connection_never_take_each_others_types(gate: Gate) -> None:
    """Both are staged in as many columns, which are of other types; eight bytes fit either."""
    for n, table in enumerate("abcdef"):
        await gate.push(table, ["id"], {"id": 1, "x": [1.5, 5, True, "text", 0.1, 7][n]})

    await gate.load()

    found = [(await gate.rows(table, "x"))[0][0] for table in "abcdef"]
    assert found == [1.5, 5, True, "text", 0.1, 7]


async def test_one_push_may_fill_the_tables_of_its_integration_only(gate: Gate) -> None:
    await gate.add_integration(OTHER, "other")
    await gate.push("t", ["id"], {"id": 1})
    await gate.push("t", ["id"], {"id": 2}, integration_id=OTHER)

    await gate.load()

    assert await gate.rows("t") == [(1,)]
    assert await gate.rows("t", schema="other") == [(2,)]


async def test_what_was_loaded_is_counted_by_table(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1, 2]}, {"id": 2, "_sdc_x": 1})
    await gate.load()
    await gate.push("t", ["id"], {"id": 3})

    await gate.load()

    row = await gate.journal.fetchrow(
        "SELECT integration_id, table_name, loads, records, rows, rejected FROM loader.tables"
    )
    assert row is not None
    assert tuple(row) == (INTEGRATION, "t", 2, 3, 4, 1)


async def test_a_load_that_a_dying_loader_did_not_tell_of_is_counted_by_the_next(
    gate: Gate,
) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1, 2]}, {"id": 2, "_sdc_x": 1})
    # The destination has committed when the journal refuses.
    await gate.journal.execute(
        "ALTER TABLE loader.loads ADD CONSTRAINT nothing CHECK (false) NOT VALID"
    )
    try:
        async with gate.loader():
            await eventually(lambda: gate.tried("t"))
    finally:
        await gate.journal.execute("ALTER TABLE loader.loads DROP CONSTRAINT nothing")

    await gate.load()

    assert await gate.rows("t", "id") == [(1,)]
    row = await gate.journal.fetchrow("SELECT loads, records, rows, rejected FROM loader.tables")
    assert row is not None
    assert tuple(row) == (1, 2, 3, 1)
