"""Loading behaviour 7.5: names. Names of tests carry the ids."""

import pytest

from services.loader.schema.identifiers import field_name_without_leading_nonletters
from services.tokens.domain.schema_name import derive_schema_name
from tests.eventually import eventually
from tests.loader.gate import Gate


async def test_c72_case_is_kept(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "CuStOmErId": 1, "customerID": 2})

    await gate.load()

    assert await gate.rows("t", "CuStOmErId", "customerID") == [(1, 2)]


async def test_c75_two_fields_of_one_name_reject_their_record(gate: Gate) -> None:
    await gate.push(
        "t", ["id"], {"id": 1, "customer!id": 1, "customerid": 2}, {"id": 2, "customerid": 2}
    )

    await gate.load()

    assert await gate.rows("t", "id", "customerid") == [(2, 2)]
    assert await gate.rejected() == [
        ("t", "Field collision on customerid", '{"id":1,"customer!id":1,"customerid":2}')
    ]


async def test_a_field_without_one_good_value_collides_with_nothing(gate: Gate) -> None:
    """Its only value is rejected, so the other spelling's column stands alone."""
    at = {"type": "string", "format": "date-time"}
    records = {"id": 1, "a": "2020-01-01", "a!": "yesterday"}, {"id": 2, "a": "2020-01-02"}
    await gate.batch("t", ["id"], {"a": at, "a!": at}, *records)

    await gate.load()

    assert await gate.rows("t", "id") == [(2,)]
    assert await gate.reasons() == ["timestamp out of range for PostgreSQL on yesterday"]


async def test_an_object_and_a_joined_name_collide(gate: Gate) -> None:
    await gate.push(
        "t",
        ["id"],
        {"id": 1, "a__b": 1, "a": {"b": 2}},
        {"id": 2, "a__b": 1},
        {"id": 3, "a": {"b": 2}},
    )

    await gate.load()

    assert await gate.rows("t", "id", "a__b") == [(2, 1), (3, 2)]
    assert await gate.reasons() == ["Field collision on a__b"]


async def test_two_spellings_in_different_records_share_a_column(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "customer!id": 1}, {"id": 2, "customerid": 2})

    await gate.load()

    assert await gate.rows("t", "id", "customerid") == [(1, 1), (2, 2)]


async def test_c76_names_that_differ_in_case_are_two_columns(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "ID": "Paul"})

    await gate.load()

    assert await gate.rows("t", "ID", "id") == [("Paul", 1)]


async def test_c78_a_column_with_too_long_a_name_is_left_out(gate: Gate) -> None:
    await gate.push("t", ["id"], *[{"id": n, "x" * 60: n, "y" * 59: n} for n in range(3)])

    await gate.load()

    assert await gate.rows("t", "id", "y" * 59) == [(0, 0), (1, 1), (2, 2)]
    assert await gate.reasons() == [f"Column name {'x' * 60} is too long for PostgreSQL"]
    assert "x" * 60 not in {name for name, _ in await gate.columns("t")}


async def test_c80_a_table_with_too_long_a_name_is_rejected(gate: Gate) -> None:
    await gate.push("t" * 64, ["id"], {"id": 1}, {"id": 2})

    await gate.load()

    assert await gate.tables() == {"_sdc_rejected"}
    assert await gate.rejected() == [
        ("t" * 64, f"Table name {'t' * 64} is too long for PostgreSQL", f'{{"id":{n}}}')
        for n in (1, 2)
    ]


async def test_c81_a_sub_table_with_too_long_a_name_is_left_out(gate: Gate) -> None:
    record = {"id": 1, "a" * 40: {"b" * 33: [1]}}
    await gate.push("t", ["id"], record, {**record, "id": 2})

    await gate.load()

    name = f"t__{'a' * 40}__{'b' * 33}"
    assert len(name) == 78
    assert await gate.rows("t", "id") == [(1,), (2,)]
    assert await gate.tables() == {"t", "_sdc_rejected"}
    assert await gate.reasons() == [f"Table name {name} is too long for PostgreSQL"]


@pytest.mark.parametrize("field", ["zip__st", "ZIP__BI"])
async def test_c82_a_reserved_suffix_rejects_the_record(gate: Gate, field: str) -> None:
    await gate.push("t", ["id"], {"id": 1, field: 1}, {"id": 2})

    await gate.load()

    assert await gate.rows("t", "id") == [(2,)]
    assert await gate.reasons() == [
        f"column names from client should not include reserved datatype suffix on {field}"
    ]


@pytest.mark.parametrize("field", ["_sdc_sequence", "_SDC_x", "_rjm_y", "__sdc_primary_key"])
async def test_a_reserved_prefix_rejects_the_record(gate: Gate, field: str) -> None:
    await gate.push("t", ["id"], {"id": 1, field: 1}, {"id": 2})

    await gate.load()

    assert await gate.rows("t", "id") == [(2,)]
    assert await gate.reasons() == [
        f"column names from client should not include reserved prefix on {field}"
    ]


async def test_a_nested_name_is_not_taken_for_a_suffix(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "address": {"st": "CA"}})

    await gate.load()

    assert await gate.rows("t", "address__st") == [("CA",)]


async def test_a_nested_name_and_a_split_share_no_column(gate: Gate) -> None:
    """The object's field came first, and still is called as it would be had it come last."""
    await gate.push("t", ["id"], {"id": 1, "a": {"st": 5}})
    await gate.load()
    await gate.push("t", ["id"], {"id": 2, "a": "x"}, {"id": 3, "a": True})

    await gate.load()

    assert await gate.rows("t", "id", "a__st__bi", "a__st", "a__bo") == [
        (1, 5, None, None),
        (2, None, "x", None),
        (3, None, None, True),
    ]


async def test_c84_words_of_sql_are_names_like_others(gate: Gate) -> None:
    await gate.push("group", ["order"], {"order": 1, "user": 2, "select": 3, "null": 4})

    await gate.load()

    assert await gate.rows("group", "order", "user", "select", "null") == [(1, 2, 3, 4)]


async def test_a_system_column_of_postgres_rejects_the_record(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "xmin": 1}, {"id": 2, "Xmin": 1})

    await gate.load()

    assert await gate.rows("t", "id", "Xmin") == [(2, 1)]
    assert len(await gate.reasons()) == 1


async def test_names_cannot_be_used_to_reach_other_tables(gate: Gate) -> None:
    await gate.push(
        'x"; DROP SCHEMA', ['i"d'], {'i"d': 1, "); DROP TABLE t --": 2}, {'i"d': 2, "\\": 3}
    )

    await gate.load()

    assert await gate.tables() == {"x DROP SCHEMA", "_sdc_rejected"}
    assert await gate.rows("x DROP SCHEMA", "id", "DROP TABLE t --"[:-3]) == [(1, 2)]
    assert await gate.reasons() == ["Column name \\ is empty after canonicalization"]


async def test_more_columns_than_a_table_holds_reject_the_load(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, **{f"c{n}": n for n in range(1600)}}, {"id": 2})

    await gate.load()

    assert await gate.reasons() == ["ERROR: too many columns"] * 2
    assert await gate.tables() == {"_sdc_rejected"}


async def test_a_table_named_like_a_sub_table_is_rejected(gate: Gate) -> None:
    await gate.push("orders", ["id"], {"id": 1, "items": [1]})
    await gate.load()
    await gate.push("orders__items", ["id"], {"id": 1})

    await gate.load()

    assert await gate.reasons() == ["Table name collision on orders__items"]
    assert await gate.rows("orders__items", "value") == [(1,)]


async def test_a_version_cannot_take_a_sub_table_over(gate: Gate) -> None:
    """Neither empty it, nor make its root lose what comes after."""
    activate = [{"action": "activate_version", "sequence": 9}]
    await gate.push("orders", ["id"], {"id": 1, "items": [1, 2]})
    await gate.load()
    await gate.push("orders__items", ["id"], {"id": 7}, version=2)
    await gate.batch("orders__items", ["id"], {}, messages=activate, version=2)
    await gate.load()
    await gate.push("orders", ["id"], {"id": 2, "items": [3]})
    await gate.batch("orders__items", ["id"], {}, messages=activate, version=3)

    await gate.load()

    assert await gate.rows("orders__items", "value", order="value") == [(1,), (2,), (3,)]
    assert await gate.staging_schemas() == []
    assert await gate.rejected() == [
        ("orders__items", "Table name collision on orders__items", record)
        for record in ("activate_version 2", "activate_version 3", '{"id":7}')
    ]


async def test_a_sub_table_named_like_a_table_is_left_out(gate: Gate) -> None:
    await gate.push("orders__items", ["id"], {"id": 1})
    await gate.load()
    await gate.push("orders", ["id"], {"id": 7, "items": [1]})

    await gate.load()

    assert await gate.rows("orders", "id") == [(7,)]
    assert await gate.rows("orders__items", "id") == [(1,)]
    assert await gate.reasons() == ["Table name collision on orders__items"]


async def test_an_index_in_the_way_rejects_the_table(gate: Gate) -> None:
    await gate.push("orders", ["id"], {"id": 1})
    await gate.load()
    await gate.push("orders_pkey", ["id"], {"id": 1})

    await gate.load()

    assert await gate.reasons() == ["Table name collision on orders_pkey"]


@pytest.mark.parametrize(
    ("name", "schema"), [("Recurly Stitch", "recurly_stitch"), ("Import API", "import_api")]
)
async def test_c86_a_schema_is_called_after_its_integration(
    gate: Gate, name: str, schema: str
) -> None:
    await gate.add_integration(86, derive_schema_name(f"{name} Two"))
    await gate.push("t", ["id"], {"id": 1}, integration_id=86)

    await gate.load()

    assert await gate.rows("t", schema=f"{schema}_two") == [(1,)]
    assert derive_schema_name(name) == schema


async def test_a_nul_in_a_text_is_dropped(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "x": "a\0b", "y": ["\0"], "z\0": "c"})

    await gate.load()

    assert await gate.rows("t", "x", "z") == [("ab", "c")]
    assert await gate.rows("t__y", "value") == [("",)]


async def test_a_nul_is_dropped_too_where_a_text_may_be_a_time_or_a_decimal(gate: Gate) -> None:
    text, at = {"type": "string"}, {"type": "string", "format": "date-time"}
    decimal = {"type": "string", "format": "singer.decimal"}
    properties = {"a": {"anyOf": [at, text]}, "d": decimal}
    await gate.batch("t", ["id"], properties, {"id": 1, "a": "x\0y"}, {"id": 2, "d": "1.5\0"})

    await gate.load()

    assert await gate.rows("t", "a", "d::text", order="id") == [("xy", None), (None, "1.5")]


async def test_op6_leading_digits_stay_unless_the_setting_strips_them(gate: Gate) -> None:
    await gate.push("kept", ["id"], {"id": 1, "1d_click": 2})
    await gate.load()
    await gate.push("4ever", ["9 id"], {"9 id": 1, "1d_click": 2, "_x": 3, "7": {"a": 4}, "b": 5})
    await gate.push("4ever", ["9 id"], {"9 id": 2, "1d_click": 2, "7d_click": 3})
    async with gate.loader(field_name=field_name_without_leading_nonletters) as loader:
        await eventually(lambda: gate.done(loader))

    assert await gate.rows("kept", "1d_click") == [(2,)]
    assert await gate.reasons() == [
        "Column name 7 is empty after canonicalization",
        "Field collision on d_click",
    ]


async def test_a_reason_may_name_what_cannot_be_stored(gate: Gate) -> None:
    """U+0000 in a field's name, and in a text that should be a time."""
    at = {"type": "string", "format": "date-time"}
    await gate.push("t", ["id"], {"id": 1, "\0": 1}, {"id": 2})
    await gate.batch("t", ["id"], {"at": at}, {"id": 3, "at": "x\0y"}, {"id": 4})

    await gate.load()

    assert await gate.rows("t", "id") == [(2,), (4,)]
    assert await gate.rejected() == [
        ("t", "Column name  is empty after canonicalization", '{"id":1,"\\u0000":1}'),
        ("t", "timestamp out of range for PostgreSQL on xy", '{"id":3,"at":"x\\u0000y"}'),
    ]


async def test_op18_a_column_is_left_out_with_the_first_record_that_loads(gate: Gate) -> None:
    """A rejected record before it says nothing of what the others lose."""
    await gate.push("t", ["id"], {"id": 1, "x" * 60: 1, "zip__st": 1}, {"id": 2, "x" * 60: 2})

    await gate.load()

    assert await gate.rows("t", "id") == [(2,)]
    (left_out, _) = await gate.rejected()
    assert left_out[1:] == (
        f"Column name {'x' * 60} is too long for PostgreSQL",
        f'{{"id":2,"{"x" * 60}":2}}',
    )


async def test_a_key_that_is_named_twice_is_one_key(gate: Gate) -> None:
    await gate.push("t", ["id", "id"], {"id": 1})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,)]
    assert await gate.primary_key("t") == "PRIMARY KEY (id)"


async def test_keys_of_one_name_reject_every_record(gate: Gate) -> None:
    await gate.push("t", ["id", "i!d"], {"id": 1, "i!d": 1}, {"id": 2, "i!d": 2})

    await gate.load()

    assert await gate.reasons() == ["Field collision on id"] * 2


async def test_the_longest_names_that_load(gate: Gate) -> None:
    """Tables that share 62 characters; a column that splits; a sub-table's key of 63."""
    one, other = "a" * 63, "a" * 62 + "b"
    await gate.push(one, ["id"], {"id": 1})
    await gate.push(other, ["id"], {"id": 2})
    await gate.push("t", ["id"], {"id": 1, "p" * 59: 1}, {"id": 2, "p" * 59: "x"})
    await gate.push("u", ["k" * 47], {"k" * 47: 1, "items": [7]})
    await gate.push("v", ["k" * 48], {"k" * 48: 1, "items": [7], "parts": [8]})
    await gate.push("w", ["k" * 60], {"k" * 60: 1})

    await gate.load()

    assert (await gate.rows(one, "id"), await gate.rows(other, "id")) == ([(1,)], [(2,)])
    assert await gate.rows("t", "p" * 59 + "__bi", "p" * 59 + "__st") == [(1, None), (None, "x")]
    assert await gate.rows("u__items", "_sdc_source_key_" + "k" * 47, "value") == [(1, 7)]
    assert "v__items" not in await gate.tables()
    assert await gate.reasons() == [
        # One for each sub-table.
        f"Column name _sdc_source_key_{'k' * 48} is too long for PostgreSQL",
        f"Column name _sdc_source_key_{'k' * 48} is too long for PostgreSQL",
        f"Column name {'k' * 60} is too long for PostgreSQL",
    ]


@pytest.mark.parametrize("table", ["_sdc_rejected", "_SDC_x", "_rjm_y", "!!"])
async def test_a_table_that_may_not_be_called_so_rejects_every_record(
    gate: Gate, table: str
) -> None:
    await gate.push(table, ["id"], {"id": 1}, {"id": 2})

    await gate.load()

    assert await gate.tables() == {"_sdc_rejected"}
    assert len(await gate.reasons()) == 2


async def test_fields_that_are_null_take_no_room(gate: Gate) -> None:
    await gate.push("t", ["id"], *[{"id": n, **dict.fromkeys(map(str, range(4000)))} for n in "ab"])

    await gate.load()

    assert await gate.rows("t") == [("a",), ("b",)]
