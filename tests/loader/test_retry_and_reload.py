"""Failed batches are retried, and loaded ones reloaded (design, section 5)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest

from cli.commands.batches import ReloadSelection, reload_batches
from events.sql_files import load_queries
from tests.loader.gate import INTEGRATION, Gate

QUERIES = load_queries("cli")


async def put_aside(gate: Gate, batch_id: UUID) -> None:
    await gate.journal.execute(
        "UPDATE journal.pending SET failed_at = now(), attempts = 5, reason = 'x'"
        " WHERE batch_id = $1",
        batch_id,
    )


async def received_at(gate: Gate, batch_id: UUID) -> datetime:
    moment: datetime = await gate.journal.fetchval(
        "SELECT received_at FROM journal.receipts WHERE batch_id = $1", batch_id
    )
    return moment


async def reload(gate: Gate, table: str, since: datetime | None = None) -> tuple[int, int, int]:
    """Batches, tables, and bodies that are no longer kept. Receipts of other tests stay."""
    chosen = ReloadSelection(INTEGRATION, [table], since)
    done = await reload_batches(gate.journal, gate.destination, chosen)
    return done.batches, done.tables, done.dropped


async def test_a_retried_batch_is_loaded(gate: Gate) -> None:
    batch_id = await gate.push("t", ["id"], {"id": 1})
    await put_aside(gate, batch_id)

    retried = await gate.journal.fetch(QUERIES["retry"], [batch_id])

    await gate.load()
    assert [tuple(row) for row in retried] == [(batch_id, 0)]
    assert await gate.rows("t") == [(1,)]


async def test_only_what_was_named_is_retried(gate: Gate) -> None:
    named = await gate.push("t", ["id"], {"id": 1})
    other = await gate.push("t", ["id"], {"id": 2})
    waiting = await gate.push("t", ["id"], {"id": 3})
    await put_aside(gate, named)
    await put_aside(gate, other)

    retried = await gate.journal.fetch(QUERIES["retry"], [named, waiting])

    assert [row["batch_id"] for row in retried] == [named]
    assert await gate.failure_reasons() == ["x"]


async def test_a_dropped_table_is_made_whole(gate: Gate) -> None:
    for n in (1, 2):
        await gate.push("whole", ["id"], {"id": n, "items": [n]})
    await gate.load()
    await gate.destination.execute("DROP TABLE import_api.whole, import_api.whole__items")

    done = await reload(gate, "whole")

    await gate.load()
    assert done == (2, 2, 0)
    assert await gate.rows("whole") == [(1,), (2,)]
    assert len(await gate.rows("whole__items")) == 2


async def test_a_mark_that_is_left_does_not_keep_a_batch_from_being_reloaded(gate: Gate) -> None:
    batch_id = await gate.push("marked", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute("DROP TABLE import_api.marked")
    await gate.destination.execute(
        "INSERT INTO _pushgate.loaded VALUES ($1, 0, 'import_api', now())", batch_id
    )

    await reload(gate, "marked")

    await gate.load()
    assert await gate.rows("marked") == [(1,)]


async def test_the_earlier_of_equal_sequences_wins_again(gate: Gate) -> None:
    for text in ("first", "second"):
        await gate.push("ordered", ["id"], {"id": 1, "text": text})
    await gate.load()
    await gate.destination.execute("DROP TABLE import_api.ordered")

    await reload(gate, "ordered")

    await gate.load()
    assert await gate.rows("ordered") == [(1, "first")]


async def test_reloading_again_and_again_changes_nothing(gate: Gate) -> None:
    await gate.push("again", [], {"n": 1})
    await gate.load()
    before = await gate.rows("again", "n", "__sdc_primary_key")

    for _ in range(2):
        assert await reload(gate, "again") == (1, 1, 0)
    await gate.load()

    assert await gate.rows("again", "n", "__sdc_primary_key") == before


async def test_only_one_table_of_a_batch_is_reloaded(gate: Gate) -> None:
    message = {"client_id": 7, "sequence": 1, "action": "upsert", "key_names": ["id"]}
    await gate.push_messages(
        [message | {"table_name": name, "data": {"id": 1}} for name in ("left", "right")]
    )
    await gate.load()

    done = await reload(gate, "right")

    listed = await gate.journal.fetch("SELECT place, table_name FROM journal.pending")
    assert done == (1, 1, 0)
    assert [tuple(row) for row in listed] == [(1, "right")]


async def test_since_leaves_earlier_batches_alone(gate: Gate) -> None:
    await gate.push("later", ["id"], {"id": 1})
    second = await gate.push("later", ["id"], {"id": 2})
    await gate.load()

    assert await reload(gate, "later", await received_at(gate, second)) == (1, 1, 0)


async def test_bodies_that_are_no_longer_kept_are_counted(gate: Gate) -> None:
    first = await gate.push("gone", ["id"], {"id": 1})
    await gate.push("gone", ["id"], {"id": 2})
    await gate.load()
    await gate.journal.execute("DELETE FROM journal.bodies WHERE batch_id = $1", first)

    assert await reload(gate, "gone") == (1, 1, 1)


async def test_more_receipts_than_one_step_are_all_reloaded(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.commands.batches.RECEIPTS_PER_STEP", 2)
    for n in range(5):
        await gate.push("many", ["id"], {"id": n})
    await gate.load()

    assert await reload(gate, "many") == (5, 5, 0)


async def test_what_was_set_aside_is_reloaded_too(gate: Gate) -> None:
    batch_id = await gate.push("aside", ["id"], {"id": 1})
    await put_aside(gate, batch_id)

    await reload(gate, "aside")

    await gate.load()
    assert await gate.rows("aside") == [(1,)]
