"""Loading behaviour 7.3: table versions and what activating one does. Names carry the ids."""

from services.runtime.metrics import LOADER_STALE
from tests.loader.gate import Gate

ID = {"id": {"type": "integer"}, "name": {"type": "string"}}
ACTIVATE = [{"action": "activate_version", "sequence": 1}]
FINN, JAKE, BUBBLEGUM = ({"id": n, "name": name} for n, name in enumerate("FJB", start=1))


async def test_c45_a_later_version_is_not_visible(gate: Gate) -> None:
    await gate.batch("t", ["id"], ID, FINN, JAKE, BUBBLEGUM, version=1)
    await gate.batch("t", ["id"], ID, FINN, BUBBLEGUM, version=2, sequence=2)

    await gate.load()

    assert await gate.rows("t", "id", "_sdc_table_version") == [(1, 1), (2, 1), (3, 1)]
    assert await gate.tables() == {"t", "_sdc_rejected"}


async def test_c46_activating_replaces_the_rows(gate: Gate) -> None:
    await gate.batch("t", ["id"], ID, FINN, JAKE, BUBBLEGUM, version=1)
    await gate.batch("t", ["id"], ID, FINN, BUBBLEGUM, version=2, sequence=2)
    await gate.load()
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)

    await gate.load()

    assert await gate.rows("t", "id", "name", "_sdc_table_version") == [(1, "F", 2), (3, "B", 2)]
    assert not await gate.staging_schemas()


async def test_a_version_may_come_and_be_activated_in_one_load(gate: Gate) -> None:
    await gate.batch("t", ["id"], ID, FINN, JAKE, version=1)
    messages = [
        {"action": "upsert", "sequence": 5, "data": {**FINN, "tags": ["a", "b"], "extra": 1}},
        *ACTIVATE,
        {"action": "upsert", "sequence": 6, "data": {"id": 9, "name": 9}},
    ]
    await gate.batch("t", ["id"], ID, messages=messages, version=2)

    await gate.load()

    assert await gate.rows("t", "id", "extra", "_sdc_table_version") == [(1, 1, 2), (9, None, 2)]
    assert await gate.rows("t__tags", "value", "_sdc_table_version") == [("a", 2), ("b", 2)]


async def test_a_version_with_other_types_splits_when_it_is_activated(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1}, version=1)
    await gate.push("t", ["id"], {"id": 1, "x": "one"}, {"id": 2, "x": 2}, version=2)
    await gate.load()
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)

    await gate.load()

    assert await gate.rows("t", "id", "x__bi", "x__st") == [(1, None, "one"), (2, 2, None)]


async def test_c48_activating_an_empty_version_empties_the_tables(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "tags": [1]}, version=1)
    await gate.load()
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=3)

    await gate.load()

    assert await gate.rows("t") == []
    assert await gate.rows("t__tags", "value") == []


async def test_an_older_version_neither_loads_nor_comes_back(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1}, version=5)
    await gate.load()
    await gate.push("t", ["id"], {"id": 2}, {"id": 3}, {"id": 4, "zip__st": 1}, version=4)
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=4)
    stale_before = LOADER_STALE._value.get()

    await gate.load()

    assert await gate.rows("t", "id", "_sdc_table_version") == [(1, 5)]
    assert len(await gate.reasons()) == 1
    assert LOADER_STALE._value.get() == stale_before + 2


async def test_no_version_is_the_active_one(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1}, version=5)
    await gate.push("t", ["id"], {"id": 2})

    await gate.load()

    assert await gate.rows("t", "id", "_sdc_table_version") == [(1, 5), (2, 5)]


async def test_c50_activating_the_active_version_changes_nothing(gate: Gate) -> None:
    ten = [{"x": n} for n in range(10)]
    await gate.batch("t", None, {}, *ten, version=123)
    await gate.batch("t", None, {}, messages=ACTIVATE, version=123)
    await gate.batch("t", None, {}, *ten, version=123)

    await gate.load()

    assert len(await gate.rows("t", "x")) == 20


async def test_c52_without_a_version_it_is_zero(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})

    await gate.load()

    assert await gate.rows("t", "_sdc_table_version") == [(0,)]


async def test_a_version_that_waits_outlives_its_table(gate: Gate) -> None:
    """Accepted before the table was dropped and not yet shown is still loaded."""
    await gate.push("t", ["id"], {"id": 9, "tags": [9]}, version=1)
    waiting = {"id": 1, "name": "new", "tags": [1]}, {"id": 2}
    await gate.push("t", ["id"], *waiting, version=2, sequence=5)
    await gate.load()
    await gate.destination.execute("DROP TABLE import_api.t")
    await gate.push("t", ["id"], {"id": 1, "name": "old"}, {"id": 3}, version=2, sequence=4)
    await gate.load()
    before = await gate.rows("t", "id", "name", "_sdc_table_version")
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)

    await gate.load()

    assert before == [(1, "new", 2), (2, None, 2), (3, None, 2)]
    assert await gate.rows("t", "id", "name", "_sdc_table_version") == before
    assert await gate.rows("t__tags", "_sdc_source_key_id", "value") == [(1, 1)]
    assert await gate.staging_schemas() == []


async def test_a_version_with_another_type_of_key_is_rejected_when_activated(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1}, version=1)
    await gate.push("t", ["id"], {"id": "a", "x": 1}, {"id": "b", "x": 2}, version=2)
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)

    await gate.load()

    assert await gate.rows("t", "id") == []
    reasons = await gate.reasons()
    assert reasons == ["Primary Keys for table do not match Primary Keys of incoming data"] * 2


async def test_a_version_with_other_keys_appends_what_fits_when_activated(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": 1}, version=1)
    records = [{"id": 1, "x": 1}, {"id": 1, "x": 2}, {"id": 2, "x": 1}]
    await gate.push("t", ["id", "x"], *records, version=2)
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)

    await gate.load()

    assert [row[0] for row in await gate.rows("t", "id")] == [1, 2]
    assert len(await gate.reasons()) == 1


async def test_sub_rows_of_a_version_follow_their_roots_before_and_after_it_is_activated(
    gate: Gate,
) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1, 2]}, version=1)
    await gate.push("t", ["id"], {"id": 1, "items": [7]}, {"id": 2, "items": [{"a": 1}]}, version=2)
    await gate.push("t", ["id"], {"id": 2, "items": ["q"], "more": [[1]]}, version=2, sequence=2)
    await gate.load()
    before = await gate.rows("t__items", "value")
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)
    await gate.push("t", ["id"], {"id": 1, "items": []}, version=2, sequence=3)

    await gate.load()

    assert before == [(1,), (2,)]
    assert await gate.rows("t", "id", "_sdc_sequence") == [(1, 3), (2, 2)]
    assert await gate.rows("t__items", "_sdc_source_key_id", "value__st") == [(2, "q")]
    assert await gate.rows("t__more__value", "value") == [(1,)]
    assert await gate.reasons() == []


async def test_activating_what_never_came_makes_nothing(gate: Gate) -> None:
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)
    await gate.load()
    await gate.push("t", ["id"], {"id": 1}, version=1)

    await gate.load()

    assert await gate.rows("t", "id", "_sdc_table_version") == [(1, 1)]


async def test_a_sub_table_of_a_version_whose_name_is_taken_is_left_out(gate: Gate) -> None:
    await gate.push("o", ["id"], {"id": 1}, version=1)
    await gate.push("o__items", ["id"], {"id": 5})
    await gate.push("o", ["id"], {"id": 2, "items": [1]}, version=2)
    await gate.load()
    await gate.batch("o", ["id"], {}, version=2, messages=ACTIVATE)

    await gate.load()

    assert await gate.rows("o") == [(2,)]
    assert await gate.rows("o__items") == [(5,)]
    assert await gate.reasons() == ["Table name collision on o__items"]


async def test_a_record_that_a_narrowed_column_refuses_is_rejected_when_its_version_is_activated(
    gate: Gate,
) -> None:
    await gate.push("t", ["id"], {"id": 1, "judged": 1, "items": [{"n": 1}]}, version=1)
    await gate.load()
    await gate.destination.execute(
        "ALTER TABLE import_api.t ALTER judged TYPE int;"
        "ALTER TABLE import_api.t__items ALTER n TYPE smallint"
    )
    await gate.push(
        "t",
        ["id"],
        {"id": 2, "judged": 5_000_000_000, "items": [{"n": 2}]},
        {"id": 3, "judged": 3, "items": [{"n": 3}, {"n": 70_000}]},
        {"id": 4, "judged": 4, "items": [{"n": 4}, {"n": 5}]},
        version=2,
    )
    await gate.batch("t", ["id"], {}, messages=ACTIVATE, version=2)

    await gate.load()

    assert await gate.rows("t", "id", "judged", "_sdc_table_version") == [(4, 4, 2)]
    assert await gate.rows("t__items", "n") == [(4,), (5,)]
    assert await gate.reasons() == ["integer out of range", "smallint out of range"]
    assert ['"id": 2' in record for _, _, record in await gate.rejected()] == [True, False]


async def test_the_rows_of_a_version_are_counted_once_when_they_become_visible(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1}, version=1)
    await gate.push("t", ["id"], {"id": 2, "items": [1, 2]}, version=2)
    await gate.load()
    before = await gate.journal.fetchval("SELECT rows FROM loader.tables")
    await gate.batch("t", ["id"], ID, messages=ACTIVATE, version=2)

    await gate.load()

    assert before == 1
    assert await gate.journal.fetchval("SELECT rows FROM loader.tables") == 4
