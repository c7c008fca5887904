"""A time as a person names it on the command line."""

import re
from datetime import UTC, datetime, timedelta

from services.runtime.clock import SystemClock

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

MOMENT_HELP = "a time, UTC unless it says, or how long ago: 30m, 12h, 7d"


def moment(text: str) -> datetime:
    """Raises ValueError, which argparse tells as wrong usage."""
    if ago := _AGO.fullmatch(text):
        return SystemClock().now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
