"""Hostile input 8: what the gate checked is what the loader loads."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.batch import check_batch
from protocol.bodies import (
    fast_batch_is_lossless,
    fast_push_is_lossless,
    parse_batch_fast,
    parse_batch_lossless,
    parse_push_fast,
    parse_push_lossless,
)
from protocol.push import check_push
from tests.protocol.values import VALUES
from tests.wire.bodies import batch_of, record, text
from tests.wire.cases import PURE_CASES, Case

JSON, TRANSIT = "application/json", "application/transit+json"
ACCEPTED = [case for case in PURE_CASES if case.status == 201]


@pytest.mark.parametrize("case", ACCEPTED, ids=[case.name for case in ACCEPTED])
def test_an_accepted_case_is_read_the_same_by_both(case: Case) -> None:
    media_type = case.content_type or JSON

    assert repr(parse_push_fast(case.body, media_type)) == repr(
        parse_push_lossless(case.body, media_type)
    )
    assert repr(parse_batch_fast(case.body)) == repr(parse_batch_lossless(case.body))


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_what_is_called_exact_is(data: dict[str, Any]) -> None:
    push = text([record(data={"id": 1, **data})])
    batch = text(batch_of(data))

    assert not fast_push_is_lossless(push, JSON) or parse_push_fast(
        push, JSON
    ) == parse_push_lossless(push, JSON)
    assert not fast_batch_is_lossless(batch) or parse_batch_fast(batch) == parse_batch_lossless(
        batch
    )


def test_the_loader_gets_every_digit_of_an_accepted_push() -> None:
    body = text([record(data={"id": 1, "n": 7})]).replace(b'"n":7', b'"n":18446744073709551616')

    assert check_push(body, JSON).refusal_after_owner_check is None
    assert parse_push_lossless(body, JSON)[0]["data"]["n"] == 2**64


def test_the_loader_gets_every_digit_of_a_decimal_that_a_schema_marks() -> None:
    schema = {"properties": {"n": {"type": "number", "multipleOf": 0.01}}}
    body = text(batch_of({"n": 7}, schema=schema)).replace(b'"n":7', b'"n":12345678901234567890.12')

    assert check_batch(body).refusal_after_owner_check is None
    assert parse_batch_lossless(body)["messages"][0]["data"]["n"] == Decimal(
        "12345678901234567890.12"
    )


@pytest.mark.parametrize("written", ["1.10", "1e2", "1e-400"])
def test_the_loader_gets_a_decimal_as_it_is_written(written: str) -> None:
    schema = {"properties": {"n": {"type": "number", "multipleOf": 0.01}}}
    body = text(batch_of({"n": 7}, schema=schema)).replace(b'"n":7', b'"n":%s' % written.encode())

    assert str(parse_batch_lossless(body)["messages"][0]["data"]["n"]) == str(Decimal(written))


def test_of_equal_keys_gate_and_loader_take_the_last() -> None:
    body = text([record(data={"id": 1})]).replace(b'"id":1', b'"id":null,"id":2')

    assert check_push(body, JSON).refusal_after_owner_check is None
    assert parse_push_lossless(body, JSON)[0]["data"] == {"id": 2}


def test_transit_is_always_exact() -> None:
    assert fast_push_is_lossless(b'["~n18446744073709551616"]', TRANSIT)
    assert parse_push_lossless(b'["~n18446744073709551616"]', f"{TRANSIT}; charset=utf-8") == [
        2**64
    ]
