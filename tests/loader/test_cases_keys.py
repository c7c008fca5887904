"""Loading behaviour 7.2: keys, sequence, append. Names carry the ids."""

import random
from datetime import UTC, datetime

from tests.loader.gate import Gate


def upsert(sequence: int, **data: object) -> dict[str, object]:
    return {"action": "upsert", "sequence": sequence, "data": data}


CUSTOMERS = {
    "id": {"type": "integer"},
    "name": {"type": "string"},
    "has_magic": {"type": "boolean"},
}


async def test_c27_the_greatest_sequence_wins_in_one_request(gate: Gate) -> None:
    messages = [
        upsert(1574807356000, id=1, name="Finn", has_magic=False),
        upsert(1574807445000, id=2, name="Jake", has_magic=False),
        upsert(1574807395000, id=2, name="Jake", has_magic=True),
    ]
    await gate.batch("customers", ["id"], CUSTOMERS, messages=messages)

    await gate.load()

    assert await gate.rows("customers", "id", "has_magic", "_sdc_sequence") == [
        (1, False, 1574807356000),
        (2, False, 1574807445000),
    ]


async def test_c28_the_greatest_sequence_wins_across_requests(gate: Gate) -> None:
    for sequence, user in [(100, (10, "pending")), (101, (10, "canceled")), (99, (10, "new"))]:
        await gate.push("users", ["id"], {"id": user[0], "state": user[1]}, sequence=sequence)
    await gate.push("users", ["id"], {"id": 22, "state": "new"}, sequence=90)

    await gate.load()

    assert await gate.rows("users", "id", "state", "_sdc_sequence") == [
        (10, "canceled", 101),
        (22, "new", 90),
    ]


async def test_c29_an_older_load_changes_nothing(gate: Gate) -> None:
    await gate.push("t", ["id"], *[{"id": n, "x": "new"} for n in range(100)], sequence=50)
    await gate.load()
    before = await gate.rows("t", "id", "x", "_sdc_sequence", "_sdc_batched_at")
    await gate.push("t", ["id"], *[{"id": n, "x": "old"} for n in range(100)], sequence=30)

    await gate.load()

    assert await gate.rows("t", "id", "x", "_sdc_sequence", "_sdc_batched_at") == before
    assert {row[2] for row in before} == {50}


async def test_c30_of_equal_sequences_the_earlier_request_stays_across_loads(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": "first"})
    await gate.load()
    await gate.push("t", ["id"], {"id": 1, "x": "second"})

    await gate.load()

    assert await gate.rows("t", "x") == [("first",)]


async def test_of_equal_sequences_the_earlier_request_stays_inside_a_load(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": "first"})
    await gate.push("t", ["id"], {"id": 1, "x": "second"})

    await gate.load()

    assert await gate.rows("t", "x") == [("first",)]


async def test_c31_of_equal_sequences_the_later_message_of_a_request_wins(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": "first"}, {"id": 1, "x": "second"})

    await gate.load()

    assert await gate.rows("t", "x") == [("second",)]


async def test_two_spellings_of_one_time_are_one_key(gate: Gate) -> None:
    properties = {"at": {"type": "string", "format": "date-time"}, "x": {"type": "string"}}
    messages = [
        upsert(1, at="2020-01-01T00:00:00Z", x="first"),
        upsert(2, at="2020-01-01T02:00:00+02:00", x="second"),
    ]
    await gate.batch("t", ["at"], properties, messages=messages)

    await gate.load()

    assert await gate.rows("t", "x") == [("second",)]


async def test_c32_several_keys_in_the_order_of_names(gate: Gate) -> None:
    properties = {
        "event_id": {"type": "integer"},
        "app_id": {"type": "integer"},
        "created_at": {"type": "string", "format": "date-time"},
    }
    at = {"app_id": 1, "created_at": "2019-08-20T00:00:00Z"}
    keys = ["event_id", "app_id", "created_at"]
    await gate.batch("t", keys, properties, {"event_id": 1, **at}, {"event_id": 2, **at})

    await gate.load()

    assert await gate.primary_key("t") == "PRIMARY KEY (app_id, created_at, event_id)"
    assert await gate.rows("t", "event_id", "created_at") == [
        (1, datetime(2019, 8, 20, tzinfo=UTC)),
        (2, datetime(2019, 8, 20, tzinfo=UTC)),
    ]


async def test_c35_a_soft_delete_empties_the_other_columns(gate: Gate) -> None:
    properties = {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "_sdc_deleted_at": {"type": "string", "format": "date-time"},
    }
    people = [{"id": n, "name": f"n{n}"} for n in (1, 2, 3)]
    await gate.batch("people", ["id"], properties, *people)
    await gate.load()
    gone = {"id": 2, "_sdc_deleted_at": "2018-07-28T04:05:00Z"}
    await gate.batch("people", ["id"], properties, gone, sequence=2)

    await gate.load()

    assert await gate.rows("people", "id", "name", "_sdc_deleted_at") == [
        (1, "n1", None),
        (2, None, datetime(2018, 7, 28, 4, 5, tzinfo=UTC)),
        (3, "n3", None),
    ]


async def test_c36_without_keys_every_record_is_a_row(gate: Gate) -> None:
    bmo = {"name": "BMO", "age": 2, "has_magic": False, "modified_at": "2020-01-20T05:57:01+0000"}
    properties = {"modified_at": {"type": "string", "format": "date-time"}}
    await gate.batch("t", None, properties, bmo)
    await gate.batch("t", [], properties, bmo, sequence=2)

    await gate.load()

    keys = await gate.rows("t", "__sdc_primary_key")
    assert len(set(keys)) == 2
    assert (await gate.columns("t"))[0] == ("__sdc_primary_key", "text")
    assert await gate.primary_key("t") == "PRIMARY KEY (__sdc_primary_key)"


async def test_c37_a_request_loaded_twice_makes_the_same_rows(gate: Gate) -> None:
    batch_id = await gate.batch("t", None, {}, {"x": 1}, {"x": 2})
    await gate.load()
    before = await gate.rows("t", "x", "__sdc_primary_key")
    await gate.delete_markers_and_list_again(batch_id, {"t": 2})

    await gate.load()

    assert await gate.rows("t", "x", "__sdc_primary_key") == before
    assert len(before) == 2


async def test_c39_without_its_constraint_a_table_is_appended_to(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": "a"})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.t DROP CONSTRAINT t_pkey")
    await gate.push("t", ["id"], {"id": 1, "x": "b"})

    await gate.load()

    assert await gate.rows("t", "id", "x", order="x") == [(1, "a"), (1, "b")]


async def test_c40_other_keys_append_what_the_constraint_lets_in(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "region": "eu"})
    await gate.load()
    await gate.push("t", ["id", "region"], {"id": 1, "region": "us"}, {"id": 9, "region": "us"})

    await gate.load()

    assert await gate.rows("t", "id", "region") == [(1, "eu"), (9, "us")]
    assert await gate.rejected() == [
        (
            "t",
            "Primary Keys for table do not match Primary Keys of incoming data",
            '{"id":1,"region":"us"}',
        )
    ]


async def test_keys_on_a_table_made_without_append(gate: Gate) -> None:
    await gate.batch("t", None, {}, {"id": 1})
    await gate.load()
    await gate.push("t", ["id"], {"id": 1}, {"id": 2})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (1,), (2,)]


async def test_no_keys_on_a_table_made_with_append_what_fits(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": "a"})
    await gate.load()
    await gate.batch("t", None, {}, {"id": 1, "x": "b"}, {"id": 2, "x": "b"}, {"x": "b"})

    await gate.load()

    assert await gate.rows("t", "id", "x") == [(1, "a"), (2, "b")]
    assert len(await gate.reasons()) == 2


async def test_c41_a_key_of_another_type_rejects_its_record(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.push("t", ["id"], {"id": "a"}, {"id": 5})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (5,)]
    assert await gate.rejected() == [
        ("t", "Primary Key id contains multiple data types", '{"id":"a"}')
    ]
    assert "id__st" not in {name for name, _ in await gate.columns("t")}


async def test_c42_a_key_too_long_for_the_index_rejects_its_record(gate: Gate) -> None:
    random_characters = random.Random(42)  # noqa: S311 - no secret: the same text every time
    long = "".join(chr(random_characters.randrange(0x4E00, 0x9FA5)) for _ in range(1024))
    short = [{"id": f"k{n}"} for n in range(10)]
    await gate.push("t", ["id"], *short[:5], {"id": long, "x": 1}, *short[5:])

    await gate.load()

    assert await gate.rows("t", "id") == [(record["id"],) for record in short]
    (rejected,) = await gate.rejected()
    assert "index row size" in rejected[1]
    assert long in rejected[2]


async def test_c43_the_order_of_types_in_a_schema_does_not_matter(gate: Gate) -> None:
    await gate.batch("t", ["id"], {"id": {"type": ["integer", "null"]}}, {"id": 1})
    await gate.load()
    before = await gate.columns("t")
    await gate.batch("t", ["id"], {"id": {"type": ["null", "integer"]}}, {"id": 2})

    await gate.load()

    assert await gate.columns("t") == before
    assert await gate.rows("t", "id") == [(1,), (2,)]


async def test_c44_a_push_may_fill_two_tables(gate: Gate) -> None:
    common = {"client_id": 7, "sequence": 1, "action": "upsert", "key_names": ["id"]}
    await gate.push_messages(
        [
            {**common, "table_name": "customers", "data": {"id": 1}},
            {**common, "table_name": "orders", "data": {"id": 2}},
            {**common, "table_name": "customers", "data": {"id": 3}},
        ]
    )

    await gate.load()

    assert await gate.rows("customers") == [(1,), (3,)]
    assert await gate.rows("orders") == [(2,)]
