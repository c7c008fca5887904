"""Tables do not depend on the order or grouping of batches, or on which loader loads them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.loader.parsing.conversion import date_time
from tests.eventually import eventually
from tests.loader.contents import contents
from tests.loader.gate import Gate
from tests.rounds import rounds

OTHER, OTHER_SCHEMA = 13, "other"
SEEDS = range(rounds(small=3, full=40))


def some_value(  # noqa: PLR0911 - one for each type of JSON
    chances: random.Random, depth: int = 0
) -> Any:
    kinds = ["null", "int", "float", "text", "bool", "object", "array"]
    match chances.choice(kinds if depth < 2 else kinds[:5]):
        case "int":
            return chances.randrange(-(2**63), 2**63)
        case "float":
            return chances.uniform(-1e9, 1e9)
        case "text":
            return chances.choice(["", "a", "2020-01-01", "\\N", '"', "t", "ä\n\t"])
        case "bool":
            return chances.random() < 0.5
        case "object":
            return {name: some_value(chances, depth + 1) for name in ("st", "a__b")}
        case "array":
            elements = [some_value(chances, depth + 1) for _ in range(chances.randrange(4))]
            # An object in one record and an array of objects in another may lead to one table by
            # different levels; that is decided by who comes first.
            return [value for value in elements if not isinstance(value, dict | list)]
        case _:
            return None


def some_batches(chances: random.Random) -> list[tuple[int, list[dict[str, Any]]]]:
    """Sequences and records; no key has one sequence twice."""
    sequences = iter(chances.sample(range(10_000), 12))
    return [
        (
            next(sequences),
            [
                {"id": i, **{name: some_value(chances) for name in chances.sample("abcxyz", 3)}}
                for i in chances.sample(range(12), 6)
            ],
        )
        for _ in range(12)
    ]


@pytest.mark.parametrize("seed", SEEDS)
async def test_order_and_grouping_do_not_matter(gate: Gate, seed: int) -> None:
    chances = random.Random(seed)  # noqa: S311 - the same batches every time
    batches = some_batches(chances)
    await gate.add_integration(OTHER, OTHER_SCHEMA)
    for sequence, records in batches:
        await gate.push("t", ["id"], *records, sequence=sequence)
    await gate.load()
    chances.shuffle(batches)
    for n, (sequence, records) in enumerate(batches):
        await gate.push("t", ["id"], *records, sequence=sequence, integration_id=OTHER)
        await gate.load_if(chances.random() < 0.3 or n == len(batches) - 1)

    assert await contents(gate, OTHER_SCHEMA) == await contents(gate)
    assert {reason for _, reason, _ in await gate.rejected(schema=OTHER_SCHEMA)} == {
        reason for _, reason, _ in await gate.rejected()
    }


async def test_it_does_not_matter_which_loader_took_what(gate: Gate) -> None:
    batches = some_batches(random.Random(99))  # noqa: S311 - the same batches every time
    await gate.add_integration(OTHER, OTHER_SCHEMA)
    for sequence, records in batches:
        await gate.push("t", ["id"], *records, sequence=sequence)
    await gate.load()
    for sequence, records in batches:
        await gate.push("t", ["id"], *records, sequence=sequence, integration_id=OTHER)

    async with gate.loader(lease_seconds=0.0) as one, gate.loader(lease_seconds=0.0) as other:
        await eventually(lambda: gate.done(one, other))

    assert await contents(gate, OTHER_SCHEMA) == await contents(gate)


async def test_postgres_reads_every_time_that_we_take(gate: Gate) -> None:
    chances = random.Random(7)  # noqa: S311 - the same texts every time
    texts = [
        f"{chances.choice(['0001', '1582', '2024', '9999'])}-{chances.randrange(14):02}-"
        f"{chances.randrange(33):02}{chances.choice('Tt ')}{chances.randrange(26):02}:"
        f"{chances.randrange(61):02}:{chances.randrange(62):02}"
        f"{chances.choice(['', '.5', '.123456', '.123456789012345678901'])}"
        f"{chances.choice(['', 'Z', 'z', '+00:00', '-1559', '+15:59', '+16:00', '-2359'])}"
        for _ in range(20_000)
    ]
    taken = [found for text in texts if (found := date_time(text)) is not None]

    read = await gate.destination.fetchval(
        "SELECT count(text::timestamptz) FROM unnest($1::text[]) AS text", taken
    )

    assert read == len(taken) > 1000


@pytest.mark.parametrize("together", [True, False])
async def test_of_equal_sequences_the_one_accepted_first_stays_past_other_schemas(
    together: bool,  # noqa: FBT001 - a column of the table above
    gate: Gate,
) -> None:
    """Also when what came before and after it is put together."""
    schema = {"id": {"type": "integer"}, "x": {"type": "string"}}
    await gate.push("t", ["id"], {"id": 2, "x": "other"}, sequence=5)
    await gate.load_if(not together)
    await gate.batch("t", ["id"], schema, {"id": 1, "x": "earlier"}, sequence=5)
    await gate.load_if(not together)
    await gate.push("t", ["id"], {"id": 1, "x": "later"}, sequence=5)

    await gate.load()

    assert await gate.rows("t", "id", "x") == [(1, "earlier"), (2, "other")]
