"""What a group writes, before anything is written."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.journal.bodies import deflate, inflate
from services.ingest.journal.group import Arrivals

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@given(st.lists(st.integers(min_value=-3600, max_value=3600), min_size=1))
def test_times_of_receipt_grow_whatever_the_clock_does(jumps: list[int]) -> None:
    arrivals = Arrivals()
    given_out = [arrivals.next(NOON + timedelta(seconds=jump)) for jump in jumps]

    assert given_out == sorted(set(given_out))


def test_a_clock_that_goes_forward_is_believed() -> None:
    arrivals = Arrivals()
    arrivals.next(NOON)

    assert arrivals.next(NOON + timedelta(seconds=1)) == NOON + timedelta(seconds=1)


@given(st.binary(max_size=100_000))
def test_a_kept_body_comes_back_byte_for_byte(body: bytes) -> None:
    assert inflate(deflate(body)) == body
