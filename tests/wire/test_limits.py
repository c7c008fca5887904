"""Wire contract section 3 and 7.6: the last value that is let in, and the first that is not."""

from typing import Any

import pytest

from protocol.refusals.push import TOO_DEEP, TOO_HIGH, TOO_LOW, TOO_MANY_POINTS
from tests.wire.bodies import batch, batch_of, nested, record, text
from tests.wire.cases import BATCH, PUSH
from tests.wire.pure_gate import ACCEPTED, answer

POINTS = {f"f{index}": index for index in range(9_999)}


def push_answer(*records: Any) -> bytes:
    return answer(PUSH, text(list(records)))[2]


def batch_answer(request: Any) -> bytes:
    return answer(BATCH, text(request))[2]


def refused(reason: dict[str, list[str]]) -> bytes:
    frame = {"status": "ERROR", "error": "Request cannot be processed; see errors."}
    return text({**frame, "errors": [{"reason": reason}]})


def test_lm_04_twenty_thousand_records_are_taken() -> None:
    assert push_answer(*[record()] * 20_000) == ACCEPTED
    assert batch_answer(batch_of(*[{"id": 1}] * 20_000)) == ACCEPTED


def test_one_record_more_is_refused() -> None:
    message = "Request rejected: 20001 records exceed the maximum of 20000"

    assert answer(PUSH, text([record()] * 20_001)) == (
        400,
        "application/json",
        text({"status": "ERROR", "message": message}),
    )
    assert batch_answer(batch_of(*[{"id": 1}] * 20_001)) == (
        b'{"error":"Request failed validation:'
        b'#/messages: expected maximum item count: 20000, found: 20001"}'
    )


def test_transit_of_too_many_records_is_counted_and_not_read() -> None:
    """A million small maps take five seconds to read."""
    status, _, body = answer(PUSH, text([["^ ", "a", 1]] * 20_001), "application/transit+json")

    assert status == 400
    assert b"20001 records exceed the maximum of 20000" in body


def test_lm_06_two_megabytes_are_taken() -> None:
    assert push_answer(record(data={"id": 1, "note": "x" * 2_000_000})) == ACCEPTED


def test_ten_thousand_data_points_are_taken() -> None:
    assert push_answer(record(data={"id": 1, **POINTS})) == ACCEPTED
    assert push_answer(record(data={"id": 1, "list": [1] * 9_999})) == ACCEPTED
    assert batch_answer(batch_of({"id": 1, **POINTS})) == ACCEPTED


def test_lm_07_one_data_point_more_is_refused() -> None:
    many = {"id": 1, "one": 1, **POINTS}

    assert push_answer(record(data=many)) == refused({"data": [TOO_MANY_POINTS]})
    assert batch_answer(batch_of({"id": 1}, many)) == (
        b'{"error":"Record 1 has more than 10000 data points"}'
    )


def test_one_hundred_levels_are_taken() -> None:
    assert push_answer(record(data=nested(100))) == ACCEPTED
    assert batch_answer(batch_of(nested(100))) == ACCEPTED


@pytest.mark.parametrize("levels", [101, 200])
def test_one_level_more_is_refused_and_comes_before_conformity(levels: int) -> None:
    schema = {"properties": {"id": {"type": "string"}}}

    assert push_answer(record(data=nested(levels))) == refused({"data": [TOO_DEEP]})
    assert batch_answer(batch_of(nested(levels), schema=schema)) == (
        b'{"error":"Record 0 is nested deeper than 100 levels"}'
    )


@pytest.mark.parametrize("sequence", [-(2**63), 0, 2**63 - 1])
def test_a_sequence_is_any_signed_64_bit_integer(sequence: int) -> None:
    assert push_answer(record(sequence=sequence)) == ACCEPTED


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("9223372036854775808", TOO_HIGH),
        ("18446744073709551616", TOO_HIGH),
        ("1" * 400, TOO_HIGH),
        ("-9223372036854775809", TOO_LOW),
        ("1.0", "should be an integer"),
        ("9.3e18", "should be an integer"),
        ("1e400", "should be an integer"),
    ],
)
def test_any_other_number_is_refused_exactly(written: str, reason: str) -> None:
    """Orjson makes a float of the larger ones and refuses 1e400."""
    body = text([record()]).replace(b"1565880017", written.encode())

    assert answer(PUSH, body)[2] == refused({"sequence": [reason]})


@pytest.mark.parametrize(
    ("written", "side"),
    [
        ("9223372036854775808", "above 9223372036854775807"),
        ("1" * 30, "above 9223372036854775807"),
        ("-10000000000000000000", "below -9223372036854775808"),
    ],
)
def test_a_batch_names_the_limit_of_the_sequence(written: str, side: str) -> None:
    body = text(batch()).replace(b"1565880017", written.encode())

    assert answer(BATCH, body)[2] == text(
        {"error": f"Request failed validation:#: sequence can not be {side}"}
    )


def test_b18_a_key_is_counted_in_characters() -> None:
    request = batch_of({"id": "é" * 1024}, key_names=["id"])
    longer = batch_of({"id": "é" * 1025}, key_names=["id"])

    assert batch_answer(request) == ACCEPTED
    assert batch_answer(longer) == (
        b'{"error":"String keys cannot be longer than 1024 characters"}'
    )
