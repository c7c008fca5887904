"""The TIME-or-NUMBER argument: a point in the event log."""

from __future__ import annotations

import re

from audit.event_log import Point
from cli.errors import CommandFailed
from cli.times import parse_time

POINT = "TIME-or-NUMBER"
POINT_HELP = (
    "A time in ISO 8601 (UTC unless it has an offset), or the number of an event; -1 means before"
    " all events."
)


def parse_point(text: str) -> Point:
    """Raises CommandFailed."""
    if re.fullmatch("-1|[0-9]{1,18}", text):
        return int(text)
    try:
        return parse_time(text)
    except ValueError:
        raise CommandFailed(
            f"{text!r} is neither a number nor a time such as 2026-11-23T12:00:00Z."
        ) from None
