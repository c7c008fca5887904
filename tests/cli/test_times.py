"""Times as they are given on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cli.times import parse_time, parse_time_or_age


@pytest.mark.parametrize(
    "text", ["2026-11-23T12:00:00", "2026-11-23T12:00:00Z", "2026-11-23T14:00:00+02:00"]
)
def test_a_time_is_told_in_utc(text: str) -> None:
    assert parse_time(text) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+01:00", "999999d", "yesterday", "7w"]
)
def test_what_is_no_time_is_wrong_usage_and_no_crash(text: str) -> None:
    with pytest.raises(ValueError, match=r"outside|Invalid"):
        parse_time_or_age(text)
