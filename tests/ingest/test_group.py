"""What a group writes, before anything is written."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from events.ids import new_batch_ids
from services.ingest.journal.bodies import deflate, inflate
from services.ingest.journal.group import Arrivals

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(-3600, 3600), st.integers(0, 300)), min_size=1))
def test_times_of_receipt_grow_whatever_the_clock_does(groups: list[tuple[int, int]]) -> None:
    arrivals = Arrivals()
    given_out = [
        moment
        for jump, count in groups
        for moment in arrivals.next(NOON + timedelta(seconds=jump), count)
    ]

    assert given_out == sorted(set(given_out))
    assert len(given_out) == sum(count for _, count in groups)


def test_a_clock_that_goes_forward_is_believed() -> None:
    arrivals = Arrivals()
    arrivals.next(NOON, 3)
    later = NOON + timedelta(seconds=1)

    assert arrivals.next(later, 2) == [later, later + timedelta(microseconds=1)]


@given(st.binary(max_size=100_000))
def test_a_kept_body_comes_back_byte_for_byte(body: bytes) -> None:
    assert inflate(deflate(body)) == body


@given(st.integers(min_value=0, max_value=2**48 - 1), st.integers(min_value=0, max_value=300))
def test_batch_ids_are_of_their_moment_and_never_the_same(moment: int, count: int) -> None:
    ids = new_batch_ids(moment, count)

    assert len(set(ids)) == count
    assert {each.int >> 80 for each in ids} <= {moment}
    assert {(each.version, each.variant) for each in ids} <= {(7, RFC_4122)}
