"""Loading behaviour 7.4: objects and arrays. Names carry the ids."""

from typing import Any

import pytest

from tests.loader.gate import Gate

SHIRT = {
    "product_id": "5008798",
    "name": "Awesome Dino Shirt",
    "price": "5.99",
    "attributes": {"color": "blue", "size": "large", "type": "clothing", "ounces": "5"},
}
ORDER = {
    "order_id": "1234",
    "customer_id": "100",
    "created_at": "2018-01-01",
    "line_items": [
        {
            "product_id": "5008798",
            "price": "5.99",
            "quantity": "1",
            "tax_lines": [{"price": "5.99", "rate": "0.06", "title": "State Tax"}],
        },
        {
            "product_id": "3445689",
            "price": "10.99",
            "quantity": "1",
            "tax_lines": [{"price": "10.99", "rate": ".06", "title": "State Tax"}],
        },
    ],
}


async def test_c53_an_object_becomes_columns(gate: Gate) -> None:
    await gate.push("products", ["product_id"], SHIRT)

    await gate.load()

    columns = ("attributes__color", "attributes__size", "attributes__type", "attributes__ounces")
    assert await gate.rows("products", *columns) == [("blue", "large", "clothing", "5")]
    assert {kind for name, kind in await gate.columns("products") if "__" in name} == {"text"}


async def test_c54_arrays_become_sub_tables_to_any_depth(gate: Gate) -> None:
    await gate.push("orders", ["order_id"], ORDER)

    await gate.load()

    levels = ("_sdc_source_key_order_id", "_sdc_level_0_id")
    assert await gate.rows("orders", "order_id", "customer_id") == [("1234", "100")]
    assert await gate.rows("orders__line_items", *levels, "product_id", order="2") == [
        ("1234", 0, "5008798"),
        ("1234", 1, "3445689"),
    ]
    assert await gate.rows(
        "orders__line_items__tax_lines", *levels, "_sdc_level_1_id", "rate", order="2"
    ) == [("1234", 0, 0, "0.06"), ("1234", 1, 0, ".06")]
    assert await gate.journal.fetchval("SELECT rows FROM loader.loads") == 5


async def test_c55_a_sub_table_has_the_root_rows_key_and_stamps(gate: Gate) -> None:
    friends = [
        {"id": 2, "name": "Jake", "type": "dog"},
        {"id": 3, "name": "Bubblegum", "type": "princess"},
        {"id": 4, "name": "BMO", "type": "robot"},
    ]
    person = {"id": 1, "name": "Finn", "type": "human", "best_friends": friends}
    await gate.push("people", ["id"], person, sequence=77)

    await gate.load()

    assert await gate.rows(
        "people__best_friends", "_sdc_source_key_id", "_sdc_level_0_id", "id", order="2"
    ) == [(1, 0, 2), (1, 1, 3), (1, 2, 4)]
    stamps = ("_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_table_version")
    assert set(await gate.rows("people__best_friends", *stamps)) == set(
        await gate.rows("people", *stamps)
    )


async def test_c57_a_sub_tables_columns_and_key_are_in_the_order_of_bytes(gate: Gate) -> None:
    keys = ["campaign_id", "adset_id", "ad_id", "date_start"]
    record = dict.fromkeys(keys, "1") | {
        "actions": [{"1d_click": 1.5, "action_type": "x", "value": 2.0}]
    }
    await gate.push("ads_insights", keys, record)

    await gate.load()

    names = [name for name, _ in await gate.columns("ads_insights__actions")]
    assert names == sorted(names)
    assert names[:3] == ["1d_click", "_sdc_batched_at", "_sdc_level_0_id"]
    assert await gate.primary_key("ads_insights__actions") == (
        "PRIMARY KEY (_sdc_level_0_id, _sdc_source_key_ad_id, _sdc_source_key_adset_id,"
        " _sdc_source_key_campaign_id, _sdc_source_key_date_start)"
    )


async def test_c58_scalars_of_an_array_are_called_value(gate: Gate) -> None:
    await gate.push("people", ["id"], {"id": 1, "friend_ids": [2, 3, 4]})

    await gate.load()

    assert ("value", "bigint") in await gate.columns("people__friend_ids")
    assert await gate.rows("people__friend_ids", "value") == [(2,), (3,), (4,)]


async def test_c60_an_array_of_arrays_makes_two_sub_tables(gate: Gate) -> None:
    await gate.push("people", ["id"], {"id": 1, "friend_ids": [[2, 3], [4, 5]]})

    await gate.load()

    assert await gate.rows("people__friend_ids", "_sdc_level_0_id") == [(0,), (1,)]
    assert "value" not in {name for name, _ in await gate.columns("people__friend_ids")}
    assert await gate.rows(
        "people__friend_ids__value", "_sdc_level_0_id", "_sdc_level_1_id", "value", order="1, 2"
    ) == [(0, 0, 2), (0, 1, 3), (1, 0, 4), (1, 1, 5)]


@pytest.mark.parametrize("fewer", [[], None, ["a"]], ids=["empty", "null", "shorter"])
async def test_c63_sub_rows_are_replaced_with_their_root(gate: Gate, fewer: Any) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": ["a", "b", "c"]}, {"id": 2, "items": ["z"]})
    await gate.load()
    await gate.push("t", ["id"], {"id": 1, "items": fewer}, sequence=2)

    await gate.load()

    assert await gate.rows("t__items", "_sdc_source_key_id", "value") == [
        *((1, value) for value in fewer or ()),
        (2, "z"),
    ]


async def test_c65_an_older_record_does_not_touch_sub_rows(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": ["a"]}, sequence=5)
    await gate.load()
    await gate.push("t", ["id"], {"id": 1, "items": ["b", "c", "d"]}, sequence=4)

    await gate.load()

    assert await gate.rows("t__items", "value") == [("a",)]


async def test_of_two_versions_in_one_load_only_the_winners_elements_come(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": ["a", "b", "c"]}, sequence=5)
    await gate.push("t", ["id"], {"id": 1, "items": ["z"]}, sequence=6)

    await gate.load()

    assert await gate.rows("t__items", "value") == [("z",)]


async def test_elements_of_records_with_a_time_for_a_key(gate: Gate) -> None:
    properties = {"at": {"type": "string", "format": "date-time"}}
    messages = [
        {"action": "upsert", "sequence": n, "data": {"at": at, "items": [n]}}
        for n, at in enumerate(("2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00"))
    ]
    await gate.batch("t", ["at"], properties, messages=messages)

    await gate.load()

    assert await gate.rows("t__items", "value") == [(1,)]


async def test_arrays_without_keys_hang_on_the_made_key(gate: Gate) -> None:
    await gate.batch("t", None, {}, {"x": 1, "items": ["a", "b"]})

    await gate.load()

    ((key,),) = await gate.rows("t", "__sdc_primary_key")
    assert await gate.rows("t__items", "_sdc_source_key___sdc_primary_key", "value", order="2") == [
        (key, "a"),
        (key, "b"),
    ]


async def test_a_null_element_keeps_its_index(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": ["a", None, "c"]})

    await gate.load()

    assert await gate.rows("t__items", "_sdc_level_0_id", "value") == [
        (0, "a"),
        (1, None),
        (2, "c"),
    ]


async def test_mixed_elements_share_a_sub_table(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1, "b", {"x": True}, [9]]})

    await gate.load()

    assert await gate.rows("t__items", "_sdc_level_0_id", "value__bi", "value__st", "x") == [
        (0, 1, None, None),
        (1, None, "b", None),
        (2, None, None, True),
        (3, None, None, None),
    ]
    assert await gate.rows("t__items__value", "_sdc_level_0_id", "value") == [(3, 9)]


async def test_a_bad_value_in_an_element_rejects_the_whole_record(gate: Gate) -> None:
    await gate.push(
        "t",
        ["id"],
        {"id": 1, "items": [{"zip__st": 1}, {"ok": 1}]},
        {"id": 2, "items": [{"ok": 1}]},
    )

    await gate.load()

    assert await gate.rows("t", "id") == [(2,)]
    assert await gate.rows("t__items", "_sdc_source_key_id") == [(2,)]
    assert len(await gate.reasons()) == 1


async def test_c68_a_field_may_be_a_scalar_or_an_object(gate: Gate) -> None:
    await gate.push(
        "t",
        ["id"],
        {"id": 1, "addr": "x"},
        {"id": 2, "addr": {"city": "y"}},
        {"id": 3, "addr": None},
    )

    await gate.load()

    assert await gate.rows("t", "id", "addr", "addr__city") == [
        (1, "x", None),
        (2, None, "y"),
        (3, None, None),
    ]


async def test_c71_a_field_that_is_only_null_makes_no_column(gate: Gate) -> None:
    await gate.batch(
        "t",
        ["id"],
        {"id": {"type": "integer"}, "form_fields": {"type": "null"}},
        {"id": 1, "form_fields": None},
    )

    await gate.load()

    assert "form_fields" not in {name for name, _ in await gate.columns("t")}


@pytest.mark.parametrize("loads", [1, 2])
async def test_other_array_levels_than_the_sub_table_has_reject_the_record(
    gate: Gate, loads: int
) -> None:
    await gate.push("t", ["id"], {"id": 1, "a": {"b": [1]}})
    await gate.load_if(loads == 2)
    await gate.push("t", ["id"], {"id": 2, "a": [{"b": [2]}]}, {"id": 3, "a": {"b": [3]}})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (3,)]
    assert await gate.rows("t__a__b", "value") == [(1,), (3,)]
    assert await gate.reasons() == ["Array levels of t__a__b do not match those it was made with"]


async def test_sub_tables_of_a_table_under_other_keys_are_left_out(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1, "items": [1]})
    await gate.load()
    await gate.push("t", ["id", "x"], {"id": 2, "x": 1, "items": [2]})

    await gate.load()

    assert await gate.rows("t", "id") == [(1,), (2,)]
    assert await gate.rows("t__items", "value") == [(1,)]
    assert len(await gate.reasons()) == 1
