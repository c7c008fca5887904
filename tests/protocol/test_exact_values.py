"""Moments of any year, as PostgreSQL reads them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.exact_values import Timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01 00:00:00+00"),
        (-1, "1969-12-31 23:59:59.999+00"),
        (1_578_950_703_123, "2020-01-13 21:25:03.123+00"),
        (951_782_400_000, "2000-02-29 00:00:00+00"),
        (-2_203_891_200_000, "1900-03-01 00:00:00+00"),
        (253_402_300_800_000, "10000-01-01 00:00:00+00"),
        # Loading behaviour C15: the last moment that PostgreSQL takes, and one that it does not.
        (9_224_318_015_999_999, "294276-12-31 23:59:59.999+00"),
        (9_224_318_016_000_000, "294277-01-01 00:00:00+00"),
        (-62_135_596_800_000, "0001-01-01 00:00:00+00"),
        (-62_135_596_800_001, "0001-12-31 23:59:59.999+00 BC"),
        (-210_866_803_200_000, "4714-11-24 00:00:00+00 BC"),
    ],
)
def test_any_year_has_its_text(milliseconds: int, text: str) -> None:
    assert Timestamp(milliseconds * 1000).text() == text


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_agrees_with_the_calendar_of_python(microseconds: int) -> None:
    moment = EPOCH + timedelta(microseconds=microseconds)
    text = Timestamp(microseconds).text()

    assert datetime.fromisoformat(text) == moment


@given(st.integers(-(10**14), 10**14))
def test_a_day_of_any_era_follows_the_day_before(day: int) -> None:
    """Years of 400 years repeat: the same day of another era has the same month and day."""
    era = 146_097 * 86_400_000_000
    here, there = (Timestamp(day * 1000 + turns * era).text() for turns in (50, 51))

    assert here.partition("-")[2] == there.partition("-")[2]
