"""Wire contract 1.4, 2.3 and 2.5: what a push may be, what is wrong with one that is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.bodies import parse_push_lossless
from protocol.push import _check_columns, check_push
from protocol.push_records import check_each_record
from protocol.refusals import Refusal
from protocol.refusals.push import (
    BLANK,
    KEYS_ABSENT,
    KEYS_NULL,
    NOT_A_NUMBER,
    NOT_A_STRING,
    NOT_AN_INTEGER,
    NOT_AN_OBJECT,
    NOT_NAMES,
    TOO_HIGH,
    UNKNOWN_ACTION,
    UNKNOWN_KEY,
    RecordsRefused,
)
from protocol.validation import Validated
from tests.protocol.values import mutated
from tests.wire.bodies import nested, record, text, without

JSON = "application/json"
NUMBER = [NOT_AN_INTEGER, NOT_A_NUMBER]


def pushed(*records: Any) -> Validated:
    return check_push(text(list(records)), JSON)


def seen(checked: Validated) -> tuple[Any, ...]:
    """For comparing: refusals by what they send."""
    refusals = (checked.refusal_before_owner_check, checked.refusal_after_owner_check)
    return (
        checked.records,
        checked.tables,
        checked.client_id,
        *(refusal and (refusal.code, refusal.body) for refusal in refusals),
    )


def code(refusal: Refusal | None) -> str | None:
    return refusal.code if refusal else None


def assert_reasons(checked: Validated, *reasons: dict[str, list[str]]) -> None:
    assert checked.refusal_after_owner_check is not None
    assert checked.refusal_after_owner_check.body == RecordsRefused(list(reasons)).body


WRONG: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"client_id": "x"}, {"client_id": NUMBER}),
    ({"client_id": True}, {"client_id": NUMBER}),
    ({"client_id": 7723.0}, {"client_id": [NOT_AN_INTEGER]}),
    ({"client_id": "7" * 20}, {"client_id": NUMBER}),
    ({"client_id": "\u0667"}, {"client_id": NUMBER}),
    ({"table_name": None}, {"table_name": [BLANK]}),
    ({"table_name": " \t"}, {"table_name": [BLANK]}),
    ({"table_name": "\0"}, {"table_name": [BLANK]}),
    ({"table_name": 5}, {"table_name": [NOT_A_STRING]}),
    ({"sequence": None}, {"sequence": [BLANK]}),
    ({"sequence": ""}, {"sequence": [BLANK]}),
    ({"sequence": "1565880017"}, {"sequence": NUMBER}),
    ({"sequence": True}, {"sequence": NUMBER}),
    ({"sequence": []}, {"sequence": NUMBER}),
    ({"sequence": 1.5}, {"sequence": [NOT_AN_INTEGER]}),
    ({"sequence": 2**63}, {"sequence": [TOO_HIGH]}),
    ({"action": None}, {"action": [BLANK]}),
    ({"action": ""}, {"action": [BLANK]}),
    ({"action": " "}, {"action": [BLANK]}),
    ({"action": "Upsert"}, {"action": [UNKNOWN_ACTION]}),
    ({"action": []}, {"action": [UNKNOWN_ACTION]}),
    ({"table_version": "1"}, {"table_version": NUMBER}),
    ({"table_version": 1.0}, {"table_version": [NOT_AN_INTEGER]}),
    ({"table_version": 2**63}, {"table_version": [TOO_HIGH]}),
    ({"namespace": 1}, {"namespace": [NOT_A_STRING]}),
    ({"key_names": []}, {"key_names": [BLANK]}),
    ({"key_names": None}, {"key_names": [BLANK]}),
    ({"key_names": ""}, {"key_names": [BLANK]}),
    ({"key_names": "id"}, {"key_names": [NOT_NAMES]}),
    ({"key_names": ["id", 1]}, {"key_names": [NOT_NAMES]}),
    ({"key_names": {"id": 1}}, {"key_names": [NOT_NAMES]}),
    ({"key_names": ["id", "nope"]}, {"data": [KEYS_ABSENT]}),
    # A list of names is held against the data, whatever the names are.
    ({"key_names": [""]}, {"data": [KEYS_ABSENT]}),
    ({"data": None}, {"data": [BLANK]}),
    ({"data": []}, {"data": [NOT_AN_OBJECT]}),
    ({"data": [{"id": 1}]}, {"data": [NOT_AN_OBJECT]}),
    ({"data": ""}, {"data": [BLANK]}),
    ({"data": "id"}, {"data": [NOT_AN_OBJECT]}),
    ({"data": {}}, {"data": [KEYS_ABSENT]}),
    ({"data": {"id": None}}, {"data": [KEYS_NULL]}),
    ({"action": "switch_view"}, {"data": [UNKNOWN_KEY]}),
    ({"foo": 1, "bar": 2}, {"foo": [UNKNOWN_KEY], "bar": [UNKNOWN_KEY]}),
    (
        {"table_name": "", "sequence": None, "key_names": None, "data": None},
        {"table_name": [BLANK], "sequence": [BLANK], "key_names": [BLANK], "data": [BLANK]},
    ),
]


@pytest.mark.parametrize(("arguments", "reason"), WRONG, ids=map(str, range(len(WRONG))))
def test_a_wrong_record_is_named_with_its_reason(
    arguments: dict[str, Any], reason: dict[str, list[str]]
) -> None:
    assert_reasons(pushed(record(**arguments)), reason)


@pytest.mark.parametrize(("arguments", "reason"), WRONG[5:], ids=map(str, range(len(WRONG) - 5)))
def test_a_wrong_record_among_others_is_named_with_its_reason(
    arguments: dict[str, Any], reason: dict[str, list[str]]
) -> None:
    """All but the first five, whose client id decides about the others."""
    wrong = record(**arguments)

    assert_reasons(pushed(wrong, record(), wrong), reason, reason)
    assert_reasons(pushed(wrong, wrong), reason, reason)


@pytest.mark.parametrize("argument", ["table_name", "sequence", "action", "key_names", "data"])
def test_what_is_required_cannot_be_left_out(argument: str) -> None:
    assert_reasons(pushed(without(record(), argument)), {argument: [BLANK]})


RIGHT: list[dict[str, Any]] = [
    {},
    {"client_id": "7723"},
    {"table_version": 0, "namespace": "x"},
    {"table_version": None, "namespace": None},
    {"table_version": 2**63 - 1},
    {"sequence": -(2**63)},
    {"data": {"id": 0}},
    {"data": {"id": False}},
    {"data": {"id": ""}},
    {"data": {"id": [1], "_sdc_x": {"a": [None]}}},
    {"data": {"id": 1, "text": "x" * 5000}},
    {"key_names": ["name", "id"]},
    {"data": nested(100)},
    {"table_name": 'x"; DROP SCHEMA'},
]


@pytest.mark.parametrize("arguments", RIGHT, ids=map(str, range(len(RIGHT))))
def test_a_right_record_is_taken_alone_and_among_others(arguments: dict[str, Any]) -> None:
    body = record(**arguments)

    assert seen(pushed(body))[3:] == (None, None)
    assert seen(pushed(record(), body, record(table_name="b")))[3:] == (None, None)


def test_each_bad_record_is_named_in_order() -> None:
    checked = pushed(record(sequence=None), record(), record(data={"id": None}))

    assert_reasons(checked, {"sequence": [BLANK]}, {"data": [KEYS_NULL]})


def test_no_more_than_a_hundred_bad_records_are_named() -> None:
    checked = pushed(*[record(sequence=None)] * 150)

    assert_reasons(checked, *[{"sequence": [BLANK]}] * 100)


def test_unknown_arguments_cannot_be_used_to_get_a_large_answer() -> None:
    checked = pushed(record(**{f"{'k' * 400}{index}": 1 for index in range(5_000)}))

    assert checked.refusal_after_owner_check is not None
    assert len(checked.refusal_after_owner_check.body) < 10_000


def test_tables_are_counted_in_order_of_appearance_without_nul() -> None:
    names = ["b", "a\0", "b", "a", "\0a"]
    checked = pushed(*[record(table_name=name) for name in names])

    assert checked.tables == (("b", 2), ("a", 3))
    assert checked.records == 5


@pytest.mark.parametrize("first", [[], [1], ["id"], [None], [[record()]], [record(), 5]])
def test_what_is_no_array_of_records_is_refused_before_the_owner_is_asked(first: Any) -> None:
    checked = check_push(text(first), JSON)

    assert checked.refusal_before_owner_check is not None
    assert b"An array of records is expected" in checked.refusal_before_owner_check.body


@pytest.mark.parametrize(
    ("records", "early", "late", "client_id"),
    [
        ([without(record(), "client_id")], "client_id_missing", None, None),
        ([record(client_id=None), record()], "client_id_missing", None, None),
        ([record(client_id=" ")], "client_id_missing", None, None),
        ([record(), without(record(), "client_id")], None, "records_refused", 7723),
        ([record(), record(client_id=1)], None, "several_clients", 7723),
        ([record(), record(client_id="7723")], None, None, 7723),
        ([record(client_id="7723"), record()], None, None, 7723),
        ([record(), record(client_id="x")], None, "several_clients", 7723),
        ([record(client_id="x"), record(client_id=1)], None, "records_refused", None),
        ([record(sequence=None), record(client_id=1)], None, "several_clients", 7723),
    ],
)
def test_client_ids_are_checked_in_the_order_of_the_contract(
    records: list[Any], early: str | None, late: str | None, client_id: int | None
) -> None:
    checked = pushed(*records)

    assert (code(checked.refusal_before_owner_check), code(checked.refusal_after_owner_check)) == (
        early,
        late,
    )
    assert checked.client_id == client_id


def test_a_missing_client_id_later_is_a_blank_argument() -> None:
    assert_reasons(pushed(record(), without(record(), "client_id")), {"client_id": [BLANK]})


def test_a_switch_needs_neither_keys_nor_data() -> None:
    switch = without(record(action="switch_view", table_version=5), "data", "key_names")

    assert pushed(record(), switch).tables == (("customers", 2),)
    assert pushed(switch | {"key_names": ["id"]}).refusal_after_owner_check is None


def test_an_integer_beyond_64_bits_in_data_is_taken() -> None:
    body = text([record(data={"id": 1, "n": 7})]).replace(b'"n":7', b'"n":' + b"9" * 300)

    assert seen(check_push(body, JSON))[3:] == (None, None)


ORDINARY = [
    record(sequence=index, data={"id": index, "name": f"name {index}", "note": None})
    for index in range(4)
]


def test_an_ordinary_push_is_decided_by_columns() -> None:
    """If this fails, every push takes the slow way."""
    versioned = [body | {"table_version": 5, "namespace": None} for body in ORDINARY]
    two_tables = [*ORDINARY, record(table_name="b", key_names=["name"])]
    with_arrays = [*ORDINARY, record(data={"id": 9, "list": [1, {"a": 2}]})]

    for records in (ORDINARY, ORDINARY[:1], versioned, two_tables, with_arrays):
        assert _check_columns(records) == check_each_record(records)


def test_sequences_are_told_where_nothing_else_decides() -> None:
    switch = {"client_id": 7723, "action": "switch_view", "table_name": "customers"} | {
        "table_version": 5,
        "sequence": 9,
    }

    assert pushed(*ORDINARY).sequences == (0, 3)
    assert pushed(*ORDINARY, record(data={"id": 9, "list": [{}]}, sequence=-5)).sequences == (-5, 3)
    assert pushed(*ORDINARY, ORDINARY[0] | {"table_version": 1}).sequences is None
    assert pushed(*ORDINARY, switch).sequences is None
    assert pushed(record(sequence="x")).sequences is None


@given(mutated(ORDINARY) | mutated(ORDINARY[:1]))
def test_columns_never_take_what_a_look_at_each_record_would_not(records: Any) -> None:
    body = text(records)
    as_columns = _check_columns(records) if isinstance(records, list) and records else None
    checked = check_push(body, JSON)

    assert as_columns is None or seen(as_columns) == seen(
        check_each_record(parse_push_lossless(body, JSON))
    )
    assert as_columns is None or seen(as_columns) == seen(checked)


@given(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=6), st.data())
def test_a_good_push_stays_good_in_any_order(order: list[int], data: st.DataObject) -> None:
    options = [{}, {"table_version": 1}, {"namespace": "n"}, {"table_name": "b"}]
    records = [ORDINARY[place] | data.draw(st.sampled_from(options)) for place in order]
    checked = pushed(*records)

    assert (
        checked.refusal_before_owner_check,
        checked.refusal_after_owner_check,
        checked.records,
    ) == (None, None, len(order))
