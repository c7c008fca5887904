"""Loading behaviour 7.1, types and columns: push in, tables and rows out. Names carry the ids."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

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


async def test_c05_a_push_splits_columns_that_are_there(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 4, "age": 11, "has_magic": False})
    await gate.load()
    await gate.push("t", ["id"], {"id": 3, "age": 16.0, "has_magic": "yes"})

    await gate.load()

    assert await gate.rows("t", "id", "age__bi", "age__do", "has_magic__bo", "has_magic__st") == [
        (3, None, 16.0, None, "yes"),
        (4, 11, None, False, None),
    ]
    assert {name for name, _ in await gate.columns("t")} >= {"age__bi", "age__do"}
    assert "age" not in {name for name, _ in await gate.columns("t")}


async def test_c06_four_types_make_four_columns_with_one_value_a_row(gate: Gate) -> None:
    values = {
        "name__st": ({"type": "string"}, "Tom"),
        "name__ti": ({"type": "string", "format": "date-time"}, "2020-01-01T00:00:00Z"),
        "name__bo": ({"type": "boolean"}, True),
        "name__bi": ({"type": "integer"}, 7),
    }
    for i, (schema, value) in enumerate(values.values()):
        properties = {"id": {"type": "integer"}, "name": schema}
        cats = [{"id": 20 * i + n, "name": value} for n in range(20)]
        await gate.batch("cats", ["id"], properties, *cats)
        await gate.load()

    filled = await gate.destination.fetchrow(
        "SELECT count(*), count(name__st), count(name__ti), count(name__bo), count(name__bi),"
        " max(num_nonnulls(name__st, name__ti, name__bo, name__bi)) FROM import_api.cats"
    )

    assert filled is not None
    assert tuple(filled) == (80, 20, 20, 20, 20, 1)


async def test_c07_an_update_empties_the_siblings(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "has_magic": False}, {"id": 2, "has_magic": "no"})
    await gate.load()
    await gate.push("t", ["id"], {"id": 1, "has_magic": "yes"}, sequence=2)

    await gate.load()

    assert await gate.rows("t", "id", "has_magic__bo", "has_magic__st") == [
        (1, None, "yes"),
        (2, None, "no"),
    ]


async def test_c09_multiple_of_makes_an_exact_decimal(gate: Gate) -> None:
    body = (
        b'{"table_name":"t","key_names":["id"],"schema":{"properties":{"id":{"type":"integer"},'
        b'"amt":{"type":"number","multipleOf":0.01}}},"messages":[{"action":"upsert",'
        b'"sequence":1,"data":{"id":1,"amt":12345678901234567890.12}}]}'
    )
    await gate.write("batch", body, {"t": 1})

    await gate.load()

    assert ("amt", "numeric") in await gate.columns("t")
    assert await gate.rows("t", "amt::text") == [("12345678901234567890.12",)]


@pytest.mark.parametrize("written", ["1.10", "10.50", "1e-400", "1.23456789012e-320"])
async def test_a_decimal_keeps_the_digits_it_was_written_with(written: str, gate: Gate) -> None:
    body = (
        b'{"table_name":"t","key_names":["id"],"schema":{"properties":{"id":{"type":"integer"},'
        b'"amt":{"type":"number","multipleOf":0.01}}},"messages":[{"action":"upsert",'
        b'"sequence":1,"data":{"id":1,"amt":%s}}]}' % written.encode()
    )
    await gate.write("batch", body, {"t": 1})

    await gate.load()

    assert await gate.rows("t", "amt::text") == [(f"{Decimal(written):f}",)]


async def test_c10_a_singer_decimal_is_read_from_its_text(gate: Gate) -> None:
    properties = {
        "id": {"type": "integer"},
        "amt": {"type": "string", "format": "singer.decimal"},
    }
    await gate.batch("t", ["id"], properties, {"id": 1, "amt": "0.1000000000000000000001"})

    await gate.load()

    assert await gate.rows("t", "amt::text") == [("0.1000000000000000000001",)]


async def test_c13_a_double_that_overflows_rejects_its_record(gate: Gate) -> None:
    body = (
        b'[{"client_id":7,"table_name":"t","sequence":1,"action":"upsert","key_names":["id"],'
        b'"data":{"id":1,"x":1e400}},{"client_id":7,"table_name":"t","sequence":1,'
        b'"action":"upsert","key_names":["id"],"data":{"id":2,"x":1e3}}]'
    )
    await gate.write("push", body, {"t": 2})

    await gate.load()

    assert await gate.reasons() == ["decimal out of range for PostgreSQL on 1e400"]
    assert await gate.rows("t", "id", "x") == [(2, 1000.0)]


async def test_c14_an_offset_is_brought_to_utc(gate: Gate) -> None:
    properties = {"id": {"type": "integer"}, "ts": {"type": "string", "format": "date-time"}}
    await gate.batch("t", ["id"], properties, {"id": 1, "ts": "2017-08-14T11:24:02-04:00"})

    await gate.load()

    assert await gate.rows("t", "ts") == [(datetime(2017, 8, 14, 15, 24, 2, tzinfo=UTC),)]


async def test_every_time_that_the_standard_knows_is_brought_to_utc(gate: Gate) -> None:
    """PostgreSQL reads neither offsets of 16 hours nor a fraction of a leap second."""
    moments = {
        "2017-08-14T11:24:02+16:00": "2017-08-13 19:24:02+00",
        "2017-08-14T11:24:02.5-2359": "2017-08-15 11:23:02.5+00",
        "2016-12-31T23:59:60.5Z": "2017-01-01 00:00:00.5+00",
        "2016-12-31 23:59:60+18:00": "2016-12-31 06:00:00+00",
        "0001-01-01T00:00:00+23:00": "0001-12-31 01:00:00+00 BC",
        "9999-12-31T23:59:59.9999996-23:00": "10000-01-01 23:00:00+00",
    }
    properties = {"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}
    records = [{"id": i, "at": text} for i, text in enumerate(moments)]
    await gate.batch("t", ["id"], properties, *records)

    await gate.load()

    assert await gate.rows("t", "at::text", order="id") == [(text,) for text in moments.values()]


async def test_c15_a_time_beyond_the_range_rejects_its_record(gate: Gate) -> None:
    body = (
        b'[["^ ","client_id",7,"table_name","t","sequence",1,"action","upsert","key_names",["id"],'
        b'"data",["^ ","id",1,"ts","~m9224318016000000"]],'
        b'["^ ","client_id",7,"table_name","t","sequence",1,"action","upsert","key_names",["id"],'
        b'"data",["^ ","id",2,"ts","~m9224318015000000"]]]'
    )
    await gate.write("push", body, {"t": 2}, media_type="application/transit+json")

    await gate.load()

    assert [reason[:17] for reason in await gate.reasons()] == ["timestamp out of "]
    assert await gate.rows("t", "id", "ts::text") == [(2, "294276-12-31 23:43:20+00")]


async def test_c16_a_longer_text_changes_no_column(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "name": "x"})
    await gate.load()
    before = await gate.columns("t")
    await gate.push("t", ["id"], {"id": 2, "name": "x" * 186})

    await gate.load()

    assert await gate.columns("t") == before
    assert await gate.rows("t", "length(name)", order="id") == [(1,), (186,)]


async def test_c17_a_column_comes_with_its_first_value(gate: Gate) -> None:
    record = {"id": 1, "updated_at": "2017-06-01", "confirmed": None}
    await gate.push("t", ["id"], record)
    await gate.load()
    before = [name for name, _ in await gate.columns("t")]
    await gate.push("t", ["id"], {**record, "id": 2, "confirmed": True})

    await gate.load()

    assert "confirmed" not in before
    assert (await gate.columns("t"))[-1] == ("confirmed", "boolean")
    assert await gate.rows("t", "id", "confirmed") == [(1, None), (2, True)]


async def test_c18_c19_a_column_is_appended_and_an_update_without_it_empties_it(
    gate: Gate,
) -> None:
    await gate.push("t", ["id"], {"id": 1, "name": "Finn"}, {"id": 2, "name": "Jake"})
    await gate.load()
    candy = {"id": 3, "name": "Bubblegum", "type": "candy_elemental"}
    await gate.push("t", ["id"], candy, {"id": 4, "name": "BMO", "type": "robot"})
    await gate.load()
    appended = await gate.columns("t")
    first = await gate.rows("t", "id", "type")
    await gate.push("t", ["id"], {"id": 3, "name": "Bubblegum"}, sequence=2)

    await gate.load()

    assert appended[-1] == ("type", "text")
    assert first == [(1, None), (2, None), (3, "candy_elemental"), (4, "robot")]
    assert await gate.rows("t", "id", "type") == [(1, None), (2, None), (3, None), (4, "robot")]


async def test_c24_every_kind_in_one_field_has_its_own_place(gate: Gate) -> None:
    kinds = {
        "type": ["null", "integer", "number", "boolean", "string", "array", "object"],
        "format": "date-time",
        "items": {"type": "integer"},
        "properties": {"b": {"type": "integer"}},
    }
    values = [None, 1, 1.5, True, "2020-01-01T00:00:00Z", [7, 8], {"b": 9}]
    await gate.batch(
        "t",
        ["id"],
        {"id": {"type": "integer"}, "every": kinds},
        *[{"id": i, "every": value} for i, value in enumerate(values)],
    )

    await gate.load()

    assert await gate.reasons() == []
    names = {name for name, _ in await gate.columns("t") if name.startswith("every")}
    assert names == {"every__do", "every__bo", "every__ti", "every__b"}
    assert await gate.rows("t", "id", "every__do") == [
        (0, None),
        (1, 1.0),
        (2, 1.5),
        (3, None),
        (4, None),
        (5, None),
        (6, None),
    ]
    assert await gate.rows("t__every", "_sdc_source_key_id", "_sdc_level_0_id", "value") == [
        (5, 0, 7),
        (5, 1, 8),
    ]


async def test_c25_a_default_never_fills_a_missing_value(gate: Gate) -> None:
    properties = {"id": {"type": "integer"}, "x": {"type": "integer", "default": 5}}
    await gate.batch("t", ["id"], properties, {"id": 1})
    await gate.load()
    before = [name for name, _ in await gate.columns("t")]
    await gate.batch("t", ["id"], properties, {"id": 2, "x": 6})

    await gate.load()

    assert "x" not in before
    assert await gate.rows("t", "id", "x") == [(1, None), (2, 6)]


async def test_c26_an_undeclared_field_is_typed_by_its_value(gate: Gate) -> None:
    await gate.batch("t", ["id"], {"id": {"type": "integer"}}, {"id": 1, "z": 1})

    await gate.load()

    assert ("z", "bigint") in await gate.columns("t")


async def test_transit_says_decimal_and_means_it_and_all_else_that_fits_no_double_is_rejected(
    gate: Gate,
) -> None:
    values = ["1e400", '"~d1e400"', '"~f1e400"', '"~f1.50"', '"~n9223372036854775808"', '"~zNaN"']
    body = ",".join(
        '["^ ","client_id",7,"table_name","t","sequence",1,"action","upsert","key_names",["id"],'
        f'"data",["^ ","id",{n},"x",{value}]]'
        for n, value in enumerate(values)
    )
    await gate.write("push", f"[{body}]".encode(), {"t": 6}, media_type="application/transit+json")

    await gate.load()

    assert await gate.rows("t", "id", "left(x__de::text, 4)", "x__do::text") == [
        (2, "1000", None),
        (3, "1.50", None),
        (5, None, "NaN"),
    ]
    assert await gate.rejected() == [
        ("t", "decimal out of range for PostgreSQL on 1e400", '{"id":0,"x":"~d1e400"}'),
        ("t", "decimal out of range for PostgreSQL on 1e400", '{"id":1,"x":"~d1e400"}'),
        (
            "t",
            "integer out of range for PostgreSQL on 9223372036854775808",
            '{"id":4,"x":"~n9223372036854775808"}',
        ),
    ]


async def test_integers_at_the_limits_of_64_bits(gate: Gate) -> None:
    body = ",".join(
        '{"client_id":7,"table_name":"t","sequence":1,"action":"upsert","key_names":["id"],'
        f'"data":{{"id":{n},"x":[{value}]}}}}'
        for n, value in enumerate([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, "-0", 10**25])
    )
    await gate.write("push", f"[{body}]".encode(), {"t": 6})

    await gate.load()

    assert await gate.rows("t", "id") == [(0,), (2,), (4,)]
    assert await gate.rows("t__x", "value", order="_sdc_source_key_id") == [
        (2**63 - 1,),
        (-(2**63),),
        (0,),
    ]
    assert [record for _, _, record in await gate.rejected()] == [
        '{"id":3,"x":[-9223372036854775809]}',
        '{"id":5,"x":[10000000000000000000000000]}',
        '{"id":1,"x":[9223372036854775808]}',
    ]


async def test_the_reason_has_the_number_as_it_was_written(gate: Gate) -> None:
    body = (
        b'{"table_name":"t","key_names":["id"],"schema":{"properties":{"id":{"type":"integer"},'
        b'"n":{"type":"integer"},"amt":{"type":"number","multipleOf":0.01}}},"messages":['
        b'{"action":"upsert","sequence":1,"data":{"id":1,"n":1e30}},'
        b'{"action":"upsert","sequence":1,"data":{"id":2,"amt":1e200000}}]}'
    )
    await gate.write("batch", body, {"t": 2})

    await gate.load()

    assert await gate.reasons() == [
        "decimal out of range for PostgreSQL on 1e200000",
        "integer out of range for PostgreSQL on 1e30",
    ]


async def test_nothing_but_empty_things_gives_no_rows_beyond_the_root(gate: Gate) -> None:
    empty: dict[str, Any] = {"a": {}, "b": [], "c": None, "d": {"e": {}}, "f": {"g": []}}
    await gate.push("t", ["id"], {"id": 1, **empty})

    await gate.load()

    assert await gate.tables() == {"t", "_sdc_rejected"}
    assert await gate.rows("t") == [(1,)]


async def test_empty_things_in_arrays_keep_their_place(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "a": [{}, [], None, [[]], 5]})

    await gate.load()

    assert await gate.rows("t__a", "_sdc_level_0_id", "value", order="1") == [
        *((n, None) for n in range(4)),
        (4, 5),
    ]
    assert await gate.rows("t__a__value", "_sdc_level_0_id", "_sdc_level_1_id") == [(3, 0)]
