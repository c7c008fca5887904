"""Format and parse times: always in UTC, with the zone written. Pure."""

from datetime import UTC, datetime, timedelta

# The first unit that fits at least once is used.
_UNITS = (
    (timedelta(days=365), "year"),
    (timedelta(days=30), "month"),
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)
# The clocks of two machines of one installation may differ by this much.
_JUST_NOW = timedelta(seconds=45)


def format_time(moment: datetime) -> str:
    """``2026-11-27 11:30:05 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_machine_time(moment: datetime) -> str:
    """``2026-11-27T11:30:05Z``, for the ``datetime`` attribute of ``<time>``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def format_relative(moment: datetime, now: datetime) -> str:
    """``3 minutes ago``, ``just now``, ``in 2 hours``."""
    distance = abs(now - moment)
    if distance < _JUST_NOW:
        return "just now"
    length = "a minute"
    for unit, name in _UNITS:
        if distance >= unit:
            count = distance // unit
            length = f"{count} {name}{'' if count == 1 else 's'}"
            break
    return f"{length} ago" if moment <= now else f"in {length}"


def format_for_query(moment: datetime) -> str:
    """Format a time for a query string; ``parse_time`` returns exactly the same time."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def parse_time(text: str) -> datetime | None:
    """Parse a typed time or the value of a date field; UTC unless the text names another zone."""
    try:
        found = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
