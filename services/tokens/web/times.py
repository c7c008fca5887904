"""Times as people read them: in UTC with the zone written, and how long ago that was. Pure."""

from datetime import UTC, datetime, timedelta

# The largest unit that fits at least once is the one that is told.
_UNITS = (
    (timedelta(days=365), "year"),
    (timedelta(days=30), "month"),
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)
# Two clocks of one system may differ by as much without anybody's being wrong.
_NOW = timedelta(seconds=45)


def format_utc(moment: datetime) -> str:
    """``2026-11-27 11:30:05 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_machine_time(moment: datetime) -> str:
    """For the ``datetime`` attribute of ``<time>``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def format_relative(moment: datetime, now: datetime) -> str:
    """``3 minutes ago``, ``just now``, ``in 2 hours``."""
    distance = abs(now - moment)
    if distance < _NOW:
        return "just now"
    told = "a minute"
    for length, name in _UNITS:
        if distance >= length:
            count = distance // length
            told = f"{count} {name}{'' if count == 1 else 's'}"
            break
    return f"{told} ago" if moment <= now else f"in {told}"


def format_for_query(moment: datetime) -> str:
    """What ``as_typed`` reads as the very same moment, and a date field shows when it can."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def parse_time(text: str) -> datetime | None:
    """A time that a person typed or a date field sent, in UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
