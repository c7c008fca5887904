"""What a group writes, before anything is written."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from events.ids import new_batch_ids
from services.journal.bodies import compress, decompress, encode_body
from services.journal.commit.columns import ReceiptTimes

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(-3600, 3600), st.integers(0, 300)), min_size=1))
def test_times_of_receipt_grow_whatever_the_clock_does(groups: list[tuple[int, int]]) -> None:
    arrivals = ReceiptTimes()
    given_out = [
        moment
        for jump, count in groups
        for moment in arrivals.next(NOON + timedelta(seconds=jump), count)
    ]

    assert given_out == sorted(set(given_out))
    assert len(given_out) == sum(count for _, count in groups)


def test_a_clock_that_goes_forward_is_believed() -> None:
    arrivals = ReceiptTimes()
    arrivals.next(NOON, 3)
    later = NOON + timedelta(seconds=1)

    assert arrivals.next(later, 2) == [later, later + timedelta(microseconds=1)]


@given(st.binary(max_size=100_000))
def test_a_kept_body_comes_back_byte_for_byte(body: bytes) -> None:
    assert decompress(compress(body)) == body


@given(st.integers(min_value=0, max_value=2**48 - 1), st.integers(min_value=0, max_value=300))
def test_batch_ids_are_of_their_moment_and_never_the_same(moment: int, count: int) -> None:
    ids = new_batch_ids(moment, count)

    assert len(set(ids)) == count
    assert {each.int >> 80 for each in ids} <= {moment}
    assert {(each.version, each.variant) for each in ids} <= {(7, RFC_4122)}


@pytest.mark.parametrize("size", [0, 1, 256, 257, 512, 513, 5_000])
def test_a_body_of_any_size_is_kept_as_it_was(size: int) -> None:
    body = (b'{"id":1,"name":"Finn"}' * 250)[:size]

    assert decompress(encode_body(body).compressed) == body
    assert len(encode_body(body).compressed) <= size + 20


def test_a_kept_body_that_was_damaged_is_noticed() -> None:
    encoded = bytearray(encode_body(b'[{"id":1}]').compressed)
    encoded[len(encoded) // 2] ^= 1

    with pytest.raises(zstandard.ZstdError):
        decompress(bytes(encoded))
