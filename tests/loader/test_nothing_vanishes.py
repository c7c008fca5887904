"""Every accepted value is in a table, exactly, or its record is in `_sdc_rejected`."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.loader.contents import contents
from tests.loader.gate import SCHEMA, Gate
from tests.loader.test_order import some_value
from tests.rounds import rounds

SEEDS = range(rounds(small=2, full=100))
TABLES = ("t", "u", "v")
RECORDS_A_PUSH = 10
# In addition to what all records can have: names that the rules reject.
NAMES = ("a", "b", "c", "st", "a!", "a__b", "zip__st", "_sdc_x")


def some_records(chances: random.Random) -> list[dict[str, Any]]:
    """Ids are left out here: they are given when all are known."""
    return [
        {name: some_value(chances) for name in chances.sample(NAMES, 3)}
        for _ in range(RECORDS_A_PUSH)
    ]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    elif value is not None:
        yield value


def counted(values: Iterator[Any]) -> Counter[tuple[type, Any]]:
    """1, 1.0 and true are three values."""
    return Counter((type(value), value) for value in values)


async def values_by_id(gate: Gate, root: str) -> dict[int, Counter[tuple[type, Any]]]:
    found: dict[int, Counter[tuple[type, Any]]] = {}
    for table in await gate.tables():
        if table == root or table.startswith(f"{root}__"):
            key = "id" if table == root else "_sdc_source_key_id"
            for row in await gate.destination.fetch(f'SELECT * FROM {SCHEMA}."{table}"'):
                mine = (v for name, v in row.items() if name != key and name[:4] != "_sdc")
                found.setdefault(row[key], Counter()).update(
                    counted(v for v in mine if v is not None)
                )
    return found


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_value_is_in_a_table_or_its_record_is_rejected(gate: Gate, seed: int) -> None:
    chances = random.Random(seed)  # noqa: S311 - the same records every time
    pushed: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        records = [{"id": i, **record} for i, record in enumerate(some_records(chances))]
        pushed[table] = records
        await gate.push(table, ["id"], *records[:5])
        await gate.push(table, ["id"], *records[5:])

    await gate.load()

    rejected = await gate.rejected()
    assert 0 < len(rejected) < len(TABLES) * RECORDS_A_PUSH
    for table, records in pushed.items():
        written = [orjson.loads(record) for name, _, record in rejected if name == table]
        found = await values_by_id(gate, table)
        for record in records:
            if record in written:
                assert record["id"] not in found
            else:
                wanted = counted(leaves({**record, "id": None}))
                assert found[record["id"]] == wanted, (table, record)


@pytest.mark.parametrize("seed", SEEDS)
async def test_loading_again_changes_nothing(gate: Gate, seed: int) -> None:
    chances = random.Random(seed)  # noqa: S311 - the same records every time
    batches = []
    for sequence in chances.sample(range(100), 6):
        table = chances.choice(TABLES)
        records = [{"id": chances.randrange(8), **each} for each in some_records(chances)]
        batch_id = await gate.push(table, ["id"], *records, sequence=sequence)
        batches.append((batch_id, table))
    batch_id = await gate.batch("keyless", None, {}, *({"x": n} for n in range(5)))
    batches.append((batch_id, "keyless"))
    await gate.load()
    before = await contents(gate)

    chances.shuffle(batches)
    for batch_id, table in batches:
        await gate.delete_markers_and_list_again(batch_id, {table: 1})
        await gate.load_if(chances.random() < 0.3)
    await gate.load()

    assert before.keys() > {"keyless"}
    assert await contents(gate) == before
