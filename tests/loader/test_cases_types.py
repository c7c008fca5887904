"""Loading behaviour 7.1, types and columns: push in, tables and rows out. Names carry the ids."""

from datetime import UTC, datetime

from tests.loader.gate import Gate

CUSTOMERS = {
    "id": {"type": "integer"},
    "name": {"type": "string"},
    "age": {"type": "integer"},
    "has_magic": {"type": "boolean"},
    "modified_at": {"type": "string", "format": "date-time"},
}


async def test_c01_a_batch_makes_a_table_in_the_order_of_names(gate: Gate) -> None:
    finn = {
        "id": 1,
        "name": "Finn",
        "age": 15,
        "has_magic": False,
        "modified_at": "2018-04-30T17:00:00Z",
    }
    await gate.batch("customers", ["id"], CUSTOMERS, finn, sequence=1565880017)

    await gate.load()

    assert await gate.columns("customers") == [
        ("_sdc_batched_at", "timestamp with time zone"),
        ("_sdc_received_at", "timestamp with time zone"),
        ("_sdc_sequence", "bigint"),
        ("_sdc_table_version", "bigint"),
        ("age", "bigint"),
        ("has_magic", "boolean"),
        ("id", "bigint"),
        ("modified_at", "timestamp with time zone"),
        ("name", "text"),
    ]
    assert await gate.primary_key("customers") == "PRIMARY KEY (id)"
    assert await gate.rows("customers") == [
        (15, False, 1, datetime(2018, 4, 30, 17, tzinfo=UTC), "Finn")
    ]
    assert await gate.rows("customers", "_sdc_sequence", "_sdc_table_version") == [(1565880017, 0)]


async def test_c02_a_push_never_parses_strings(gate: Gate) -> None:
    record = {"id": 1, "cost": 3.14, "tax": "1.00", "modified_at": "2019-08-13T21:25:03+0000"}
    await gate.push("t", ["id"], record)

    await gate.load()

    assert await gate.rows("t", "cost", "tax", "modified_at") == [
        (3.14, "1.00", "2019-08-13T21:25:03+0000")
    ]


async def test_c03_two_types_of_a_new_column_make_two_columns(gate: Gate) -> None:
    await gate.push(
        "t", ["id"], {"id": 1, "cost": 3.14}, {"id": 2, "cost": 10}, {"id": 3, "cost": 5.61}
    )

    await gate.load()

    assert await gate.rows("t", "id", "cost__do", "cost__bi") == [
        (1, 3.14, None),
        (2, None, 10),
        (3, 5.61, None),
    ]
