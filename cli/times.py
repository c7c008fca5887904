"""A time as a person names it on the command line, and as the command line names one."""

import re
from datetime import UTC, datetime, timedelta

from services.runtime.clock import SystemClock

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

OUT_OF_RANGE = "beyond the first or the last year of the calendar"
TIME_HELP = "a time, UTC unless it says, or how long ago: 30m, 12h, 7d"


def parse_time_or_age(text: str) -> datetime:
    """Raises ValueError, which argparse tells as wrong usage."""
    if not (ago := _AGO.fullmatch(text)):
        return parse_time(text)
    try:
        return SystemClock().now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    except OverflowError:
        raise ValueError(OUT_OF_RANGE) from None


def parse_time(text: str) -> datetime:
    """ISO 8601, UTC unless it says; raises ValueError, also where UTC has no name for it."""
    found = datetime.fromisoformat(text)
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError(OUT_OF_RANGE) from None


def format_time(found: datetime) -> str:
    """``2026-11-27T12:00:00Z``, as the Connect API writes its times."""
    return f"{found.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
