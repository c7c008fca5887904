"""Loading behaviour 7.6: what customers do to their tables, and other trouble."""

from collections import Counter
from typing import Any

import pytest

from tests.eventually import eventually
from tests.loader.gate import Gate


async def test_c91_a_customers_column_is_left_alone(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t ADD COLUMN note text; UPDATE import_api.t SET note = 'mine'"
    )
    await gate.push("t", ["id"], {"id": 1, "x": 2}, sequence=2)

    await gate.load()

    assert await gate.rows("t", "x", "note") == [(2, "mine")]


async def test_a_customers_column_is_adopted_when_a_value_comes_for_it(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t ADD COLUMN note varchar(10)")
    await gate.push("t", ["id"], {"id": 1, "note": "a"}, {"id": 2, "note": "b"}, sequence=2)
    await gate.load()
    await gate.push("t", ["id"], {"id": 1}, sequence=3)

    await gate.load()

    assert await gate.rows("t", "id", "note") == [(1, None), (2, "b")]


async def test_a_customers_column_of_another_type_is_left_alone(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t ADD COLUMN note text; UPDATE import_api.t SET note = 'mine'"
    )
    await gate.push("t", ["id"], {"id": 2, "note": 5})
    await gate.push("t", ["id"], {"id": 1, "x": 2}, sequence=2)

    await gate.load()

    assert await gate.rows("t", "id", "x", "note", "note__bi") == [
        (1, 2, "mine", None),
        (2, None, None, 5),
    ]


async def test_a_key_altered_to_another_type_costs_the_sub_rows_and_no_batch(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1]})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t ALTER COLUMN id TYPE text")
    await gate.push("t", ["id"], {"id": 2, "items": [2]}, {"id": "a", "items": [3]}, sequence=2)

    await gate.load()

    assert await gate.rows("t") == [("1",), ("a",)]
    assert await gate.rows("t__items", "value") == [(1,)]
    assert await gate.reasons() == [
        "Primary Key id contains multiple data types",
        "Primary Keys for table do not match Primary Keys of incoming data: t__items",
    ]


@pytest.mark.parametrize(
    ("schema", "altered", "first", "second"),
    [
        ({"type": "string", "format": "date-time"}, "date", "2020-01-01T10:00:00Z", "2020-01-02"),
        ({"type": "number", "multipleOf": 0.01}, "numeric(9,1)", 1.25, 2.25),
        ({"type": "number"}, "real", 0.1, 0.2),
    ],
)
async def test_sub_rows_follow_a_key_whose_column_keeps_less_of_it(
    schema: dict[str, Any], altered: str, first: Any, second: Any, gate: Gate
) -> None:
    await gate.batch("t", ["k"], {"k": schema}, {"k": first, "items": [1, 2]})
    await gate.load()
    await gate.destination.execute(f"ALTER TABLE import_api.t ALTER k TYPE {altered}")
    records = {"k": second, "items": [3]}, {"k": first, "items": [4]}
    await gate.batch("t", ["k"], {"k": schema}, *records, sequence=2)

    await gate.load()

    assert await gate.rows("t__items", "value") == [(3,), (4,)]
    joined = await gate.destination.fetchval(
        "SELECT count(*) FROM import_api.t JOIN import_api.t__items ON k = _sdc_source_key_k"
    )
    assert joined == 2


async def test_c93_a_dropped_column_is_made_again(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "name": "a", "x": 1})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t DROP COLUMN name")
    await gate.push("t", ["id"], {"id": 2, "name": "b", "x": 1})

    await gate.load()

    assert (await gate.columns("t"))[-1] == ("name", "text")
    assert await gate.rows("t", "id", "name") == [(1, None), (2, "b")]


async def test_dropped_columns_of_ours_are_made_again(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1}, {"id": 2, "x": "a"})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t DROP COLUMN x__bi, DROP COLUMN _sdc_batched_at"
    )
    await gate.push("t", ["id"], {"id": 3, "x": 3})

    await gate.load()

    assert await gate.rows("t", "id", "x__st", "x__bi") == [
        (1, None, None),
        (2, "a", None),
        (3, None, 3),
    ]
    assert "_sdc_batched_at" in {name for name, _ in await gate.columns("t")}


async def test_a_dropped_key_of_ours_is_made_again_for_what_comes(gate: Gate) -> None:
    await gate.push("t", [], {"x": 1})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t DROP COLUMN __sdc_primary_key")
    await gate.push("t", [], {"x": 2, "items": [7]})

    await gate.load()

    joined = await gate.destination.fetch(
        "SELECT x, value FROM import_api.t LEFT JOIN import_api.t__items"
        " ON __sdc_primary_key = _sdc_source_key___sdc_primary_key ORDER BY x"
    )
    assert [tuple(row) for row in joined] == [(1, None), (2, 7)]


async def test_c94_a_customers_view_survives_a_split(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "has_magic": True})
    await gate.load()
    await gate.destination.execute(
        "CREATE VIEW import_api.v AS SELECT id, has_magic FROM import_api.t"
    )
    await gate.push("t", ["id"], {"id": 2, "has_magic": "yes"})

    await gate.load()

    assert await gate.rows("v", "id", "has_magic") == [(1, True), (2, None)]
    assert ("has_magic__bo", "boolean") in await gate.columns("t")


async def test_c95_a_dropped_table_is_made_again(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1, "items": [1]})
    await gate.load()
    await gate.push("t", ["id"], {"id": 2, "x": "text", "items": [2]})
    await gate.destination.execute("DROP TABLE import_api.t, import_api.t__items")

    await gate.load()

    assert await gate.rows("t", "id", "x") == [(2, "text")]
    assert await gate.rows("t__items", "value") == [(2,)]


async def test_a_narrowed_column_rejects_what_does_not_fit(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1, "s": "a"})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t ALTER x TYPE smallint, ALTER s TYPE varchar(3)"
    )
    await gate.push(
        "t",
        ["id"],
        {"id": 2, "x": 2, "s": "ok"},
        {"id": 3, "x": 70000, "s": "ok"},
        {"id": 4, "x": 4, "s": "far too long"},
        {"id": 5, "x": 5, "s": "ok"},
    )

    await gate.load()

    assert await gate.rows("t", "id", "x") == [(1, 1), (2, 2), (5, 5)]
    assert await gate.reasons() == [
        "integer out of range for PostgreSQL on 70000",
        "value too long for type character varying(3)",
    ]


async def test_a_row_wider_than_a_page_rejects_its_record(gate: Gate) -> None:
    wide = {f"c{n}": n for n in range(1100)}
    await gate.push("t", ["id"], {"id": 1, "c1": 1}, {"id": 2, **wide}, {"id": 3, "c2": 1})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (3,)]
    (reason,) = await gate.reasons()
    assert "row is too big" in reason


async def test_only_nulls_without_keys_make_no_table(gate: Gate) -> None:
    await gate.batch("t", None, {}, {"x": None}, {})

    await gate.load()

    assert await gate.tables() == {"_sdc_rejected"}


async def test_the_layout_of_rejected_is_the_documented_one(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})

    await gate.load()

    assert await gate.columns("_sdc_rejected") == [
        ("record", "text"),
        ("reason", "text"),
        ("table_name", "text"),
        ("_sdc_rejected_at", "timestamp with time zone"),
    ]


async def test_time_extracted_makes_a_column_once_it_is_sent(gate: Gate) -> None:
    upsert = {"action": "upsert", "sequence": 1}
    at = "2024-01-02T03:04:05.678901Z"
    await gate.batch("t", ["id"], {}, messages=[{**upsert, "data": {"id": 1, "items": [1]}}])
    await gate.load()
    before = {name for name, _ in await gate.columns("t")}
    messages = [{**upsert, "data": {"id": 2, "items": [1]}, "time_extracted": at}]
    await gate.batch("t", ["id"], {}, messages=messages)

    await gate.load()

    assert "_sdc_extracted_at" not in before
    assert await gate.rows("t", "id", "_sdc_extracted_at::text") == [
        (1, None),
        (2, "2024-01-02 03:04:05.678901+00"),
    ]
    assert "_sdc_extracted_at" not in {name for name, _ in await gate.columns("t__items")}


async def test_the_reason_names_the_value_that_the_narrow_column_refused(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1, "d": 1.5, "items": [1]}, {"id": 2, "x": "a"})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t ALTER x__bi TYPE smallint, ALTER d TYPE real;"
        "ALTER TABLE import_api.t__items ALTER value TYPE int"
    )
    await gate.push(
        "t",
        ["id"],
        {"id": 99_999, "x": 70_000},
        {"id": 100_000, "x": 1, "d": 1e300},
        {"id": 100_001, "items": [3_000_000_000]},
        {"id": 100_002, "x": 2, "d": 2.5, "items": [2_000_000_000]},
    )

    await gate.load()

    assert await gate.reasons() == [
        "decimal out of range for PostgreSQL on 1e300",
        "integer out of range for PostgreSQL on 3000000000",
        "integer out of range for PostgreSQL on 70000",
    ]
    assert await gate.rows("t", "id", "x__bi", "d") == [
        (1, 1, 1.5),
        (2, None, None),
        (100_002, 2, 2.5),
    ]


async def test_a_customers_column_that_has_a_name_of_ours_is_told_by_its_name(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t ADD COLUMN x__st jsonb")
    await gate.push("t", ["id"], {"id": 2, "x": "a"})
    # As if it had been tried four times: the pauses between tries grow.
    await gate.journal.execute("UPDATE journal.pending SET attempts = 4")

    async with gate.loader() as loader:
        await eventually(lambda: gate.done(loader))

    (reason,) = await gate.failure_reasons()
    assert reason.startswith("column x__st has a type that the loader never writes")
    assert await gate.reasons() == []


async def test_a_renamed_table_is_made_again_with_its_sub_rows(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1, 2]})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t RENAME TO t_old")
    await gate.push("t", ["id"], {"id": 1, "items": [3]})

    await gate.load()

    assert await gate.rows("t_old", "id") == [(1,)]
    assert await gate.rows("t", "id") == [(1,)]
    assert await gate.rows("t__items", "value") == [(3,)]


async def test_a_dropped_sub_table_is_made_again(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1]})
    await gate.load()
    await gate.destination.execute("DROP TABLE import_api.t__items")
    await gate.push("t", ["id"], {"id": 1, "items": [2]}, sequence=2)

    await gate.load()

    assert await gate.rows("t__items", "value") == [(2,)]


async def test_a_view_in_the_way_rejects_its_table_and_no_other(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute("CREATE VIEW import_api.v AS SELECT 1 AS id")
    await gate.push("v", ["id"], {"id": 1})
    await gate.push("t", ["id"], {"id": 2})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (2,)]
    assert await gate.reasons() == ["Table name collision on v"]


async def test_a_column_of_times_without_zone_takes_them_in_utc(gate: Gate) -> None:
    at = {"at": {"type": "string", "format": "date-time"}}
    await gate.batch("t", ["id"], at, {"id": 1, "at": "2020-01-01T00:00:00Z"})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t ALTER at TYPE timestamp")
    await gate.batch("t", ["id"], at, {"id": 2, "at": "2020-01-01T02:00:00+02:00"})

    await gate.load()

    assert await gate.rows("t", "at::text") == [("2020-01-01 00:00:00",)] * 2


async def test_a_refused_record_leaves_the_one_that_it_would_have_replaced(gate: Gate) -> None:
    """As it would be had they come in two loads."""
    await gate.push("t", ["id"], {"id": 0, "s": "a", "items": ["a"]})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t ALTER s TYPE varchar(3)")
    await gate.push(
        "t", ["id"], {"id": 0, "s": "b", "items": ["b"]}, {"id": 1, "s": "b"}, sequence=2
    )
    await gate.push("t", ["id"], {"id": 0, "s": "long", "items": ["c"]}, sequence=3)

    await gate.load()

    assert await gate.rows("t", "id", "s", "_sdc_sequence") == [(0, "b", 2), (1, "b", 2)]
    assert await gate.rows("t__items", "value") == [("b",)]
    assert await gate.reasons() == ["value too long for type character varying(3)"]


async def test_many_refused_records_are_told_one_by_one(gate: Gate) -> None:
    """Each cost a statement and a lock until the loader gave up; half of the values are refused."""
    await gate.push("t", ["id"], {"id": -1, "s": "a", "items": [1]})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t ALTER s TYPE varchar(3);"
        "ALTER TABLE import_api.t__items ALTER value TYPE smallint"
    )
    texts = ("long", "b", "c", "d")
    await gate.push(
        "t",
        ["id"],
        *[{"id": n, "s": texts[n % 4], "items": [n, 40_000 * (n % 4 == 2)]} for n in range(2_000)],
    )

    await gate.load(seconds=15)

    fitting = [n for n in range(2_000) if n % 4 in (1, 3)]
    assert [found for (found,) in await gate.rows("t", "id")] == [-1, *fitting]
    assert len(await gate.rows("t__items", "value")) == 1 + 2 * len(fitting)
    assert Counter(await gate.reasons()) == {
        "value too long for type character varying(3)": 500,
        "integer out of range for PostgreSQL on 40000": 500,
    }


async def test_a_lost_level_column_is_made_again(gate: Gate) -> None:
    """OP-28: as any other column of the loader that someone dropped."""
    await gate.push("t", ["id"], {"id": 1, "items": ["a"]})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t__items DROP COLUMN _sdc_level_0_id")
    await gate.push("t", ["id"], {"id": 2, "items": ["b"]})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (2,)]
    assert await gate.rows("t__items", "value", "_sdc_level_0_id") == [("a", None), ("b", 0)]
    assert await gate.rejected() == []


async def test_a_customers_own_table_under_the_name_costs_the_sub_rows_alone(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute("CREATE TABLE import_api.t__items (note text)")
    await gate.push("t", ["id"], {"id": 2, "items": ["b"]})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (2,)]
    assert await gate.rows("t__items", "note") == []
    assert len(await gate.rejected()) == 1


async def test_a_key_that_fills_itself_refuses_no_row(gate: Gate) -> None:
    """Rows are appended; only one that violates the customer's constraint is rejected."""
    await gate.push("t", ["id"], {"id": 1, "x": "a"})
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t DROP CONSTRAINT t_pkey;"
        "ALTER TABLE import_api.t ADD COLUMN own bigserial PRIMARY KEY"
    )
    await gate.push("t", ["id"], {"id": 2, "x": "b"}, {"id": 3, "x": "c"})

    await gate.load()

    assert await gate.rows("t", "own", "x") == [(1, "a"), (2, "b"), (3, "c")]
    assert await gate.rejected() == []
