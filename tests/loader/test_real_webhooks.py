"""Several hundred GitHub webhook bodies, one table for each kind of event.

A body's `reactions` count `+1` and `-1`, which are one column: such a record has to be rejected.
Spelled out it loads, and then nothing of it may be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest

from bench.webhooks import KEY, Delivery, deliveries, spelled_out, webhooks_archive
from cli.errors import CommandFailed
from services.loader.schema.identifiers import quote_qualified
from tests.loader import plain_webhooks as plain
from tests.loader.gate import SCHEMA, Gate
from tests.rounds import rounds

# All kinds of events in a full run.
KINDS_STEP = rounds(small=6, full=1)

Kinds = dict[str, list[Delivery]]
SUFFIXES = ("", "__bi", "__bo", "__do", "__st")


@pytest.fixture(scope="module")
def kinds() -> Kinds:
    try:
        found = deliveries(webhooks_archive())
    except CommandFailed as refused:
        pytest.skip(str(refused))
    return dict(islice(found.items(), 0, None, KINDS_STEP))


async def push_all(gate: Gate, kinds: Kinds, *, sequence: int) -> None:
    for kind, records in kinds.items():
        await gate.push(kind, [KEY], *records, sequence=sequence)
    await gate.load(seconds=60, slots=2)


async def row_counts(gate: Gate) -> Counter[str]:
    """Without the tables that are empty."""
    tables = sorted(await gate.tables() - {"_sdc_rejected"})
    counting = " UNION ALL ".join(
        f"SELECT '{table}', count(*) FROM {quote_qualified(SCHEMA, table)}" for table in tables
    )
    return +Counter({row[0]: row[1] for row in await gate.destination.fetch(counting)})


def wanted_counts(kinds: Kinds) -> Counter[str]:
    counts = Counter({kind: len(records) for kind, records in kinds.items()})
    for kind, records in kinds.items():
        for record in records:
            counts.update(plain.sub_rows(record, kind))
    return +counts


def reasons_to_leave_out(kinds: Kinds) -> Iterable[str]:
    """One log row for each load and thing left out; each kind is one load."""
    for kind, records in kinds.items():
        yield from set().union(*(plain.left_out(record, kind) for record in records))


async def test_rows_are_what_the_bodies_hold_and_follow_them(gate: Gate, kinds: Kinds) -> None:
    colliding = [
        (kind, f"Field collision on {min(columns)}")
        for kind, records in kinds.items()
        for record in records
        if (columns := set(plain.collisions(record)))
    ]
    clean = {
        kind: [record for record in records if not any(plain.collisions(record))]
        for kind, records in kinds.items()
    }
    await push_all(gate, kinds, sequence=1)
    rejected = await gate.rejected()

    assert 0 < len(colliding) < sum(map(len, kinds.values())) / 2
    assert sorted((kind, why) for kind, why, _ in rejected if "collision" in why) == sorted(
        colliding
    )
    assert sorted(why for _, why, _ in rejected if "collision" not in why) == sorted(
        reasons_to_leave_out(clean)
    )
    assert await row_counts(gate) == wanted_counts(clean)

    whole = {kind: [spelled_out(record) for record in records] for kind, records in kinds.items()}
    await push_all(gate, whole, sequence=2)

    assert await row_counts(gate) == wanted_counts(whole)
    await every_leaf_is_in_its_row(gate, whole)

    shorter = {
        kind: [plain.without_last_element(record) for record in records]
        for kind, records in whole.items()
    }
    await push_all(gate, shorter, sequence=3)

    assert await row_counts(gate) == wanted_counts(shorter)
    assert sum((wanted_counts(whole) - wanted_counts(shorter)).values()) > len(kinds)
    await every_leaf_is_in_its_row(gate, shorter)


async def every_leaf_is_in_its_row(gate: Gate, kinds: Kinds) -> None:
    for kind, records in kinds.items():
        rows = await gate.destination.fetch(f"SELECT * FROM {quote_qualified(SCHEMA, kind)}")
        found = {row[KEY]: dict(row) for row in rows}
        for record in records:
            for column, value in plain.leaves(record):
                if len(column) <= plain.COLUMN_MAX:
                    assert value_in(found[record[KEY]], column) == [value], (kind, column)


def value_in(row: dict[str, Any], column: str) -> list[Any]:
    """The row's value for a field, from whichever of its columns if it was split."""
    names = [column + suffix for suffix in SUFFIXES]
    return [row[name] for name in names if row.get(name) is not None]
