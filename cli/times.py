"""Times on the command line: parsing and formatting."""

import re
from datetime import UTC, datetime, timedelta

from services.runtime.clock import SystemClock

_AGE = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

OUT_OF_RANGE = "the time is outside the years 1 to 9999"
TIME_HELP = "a time in ISO 8601 (UTC unless it has an offset), or an age such as 30m, 12h or 7d"


def parse_time_or_age(text: str) -> datetime:
    """Raises ValueError, which argparse reports as a usage error."""
    if not (age := _AGE.fullmatch(text)):
        return parse_time(text)
    try:
        return SystemClock().now() - timedelta(**{_UNITS[age[2]]: int(age[1])})
    except OverflowError:
        raise ValueError(OUT_OF_RANGE) from None


def parse_time(text: str) -> datetime:
    """ISO 8601, UTC unless it has an offset; raises ValueError, also when out of range in UTC."""
    time = datetime.fromisoformat(text)
    try:
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError(OUT_OF_RANGE) from None


def format_time(time: datetime) -> str:
    """``2026-11-27T12:00:00Z``, as the Connect API writes its times."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
