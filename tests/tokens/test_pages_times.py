"""Formatting and parsing of times, and the layout of the chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tokens.web.data.chart import (
    BAR_HEIGHT_MIN,
    HOURS,
    HourTotals,
    last_hours,
    lay_out_chart,
)
from services.tokens.web.times import (
    format_for_query,
    format_machine_time,
    format_relative,
    format_time,
    parse_time,
)

NOW = datetime(2026, 11, 27, 11, 40, 5, tzinfo=UTC)

counts = st.lists(
    st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=HOURS, max_size=HOURS
)


def hours(numbers: list[tuple[int, int]]) -> list[HourTotals]:
    empty = last_hours(NOW, {}, {})
    return [HourTotals(hour.begins, *pair) for hour, pair in zip(empty, numbers, strict=True)]


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=44), "just now"),
        (timedelta(seconds=46), "a minute ago"),
        (timedelta(minutes=3, seconds=59), "3 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=45), "1 month ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(hours=-2), "in 2 hours"),
    ],
)
def test_how_long_ago_is_told_in_the_largest_unit(ago: timedelta, expected: str) -> None:
    assert format_relative(NOW - ago, NOW) == expected


def test_a_time_is_told_in_utc_with_the_zone_written() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert format_time(elsewhere) == "2026-11-27 11:40:05 UTC"
    assert format_machine_time(elsewhere) == "2026-11-27T11:40:05Z"


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("2026-11-27T11:40", datetime(2026, 11, 27, 11, 40, tzinfo=UTC)),
        (" 2026-11-27 11:40:05 UTC ", NOW),
        ("2026-11-27T12:40:05+01:00", NOW),
        ("2026-11-27", datetime(2026, 11, 27, tzinfo=UTC)),
        ("0001-01-01T00:00+14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_typed_time_is_utc_unless_it_says_otherwise(
    typed: str, understood: datetime | None
) -> None:
    assert parse_time(typed) == understood


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_in_an_address_is_the_very_same_moment(moment: datetime) -> None:
    """Else an export, or a list's next page, would be of another one."""
    assert parse_time(format_for_query(moment)) == moment


def test_a_day_is_the_hour_under_way_and_those_before_it() -> None:
    this = NOW.replace(minute=0, second=0)

    day = last_hours(NOW, {this: 3, this - timedelta(hours=24): 9}, {})

    assert [hour.begins for hour in day] == [this - timedelta(hours=23 - n) for n in range(24)]
    assert [hour.accepted for hour in day] == [*([0] * 23), 3]


@given(counts)
def test_every_bar_stands_inside_the_drawing(numbers: list[tuple[int, int]]) -> None:
    chart = lay_out_chart(hours(numbers))

    for bar in chart.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= chart.width
        assert bar.y >= 0
        assert bar.y + bar.height <= chart.height
        assert bar.height >= BAR_HEIGHT_MIN


@given(counts)
def test_every_hour_with_requests_is_drawn(numbers: list[tuple[int, int]]) -> None:
    drawn = lay_out_chart(hours(numbers)).bars

    assert len([bar for bar in drawn if bar.kind == "accepted"]) == sum(a > 0 for a, _ in numbers)
    assert len([bar for bar in drawn if bar.kind == "refused"]) == sum(r > 0 for _, r in numbers)


def test_the_drawing_is_told_in_a_sentence() -> None:
    one, two = (0, 2), (7, 0)

    description = lay_out_chart(hours([one, two, *([(0, 0)] * 22)])).description

    assert description == (
        "In the last 24 hours, 7 requests were accepted and 2 refused."
        " The busiest hour began at 13:00 UTC, with 7."
    )


def test_a_day_without_requests_is_told_as_that() -> None:
    chart = lay_out_chart(hours([(0, 0)] * HOURS))

    assert not chart.bars
    assert chart.description == "No requests in the last 24 hours."
