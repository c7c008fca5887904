"""Types for Transit values that neither JSON nor a standard Python type can represent exactly."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
# Days from 1 March of year 0 to 1 January 1970, and of 400 years, 100 years, 4 years, one year,
# counted from March so that the leap day is the last of its year.
_TO_1970 = 719_468
_ERA, _CENTURY, _OLYMPIAD, _YEAR = 146_097, 36_524, 1_461, 365

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ExactDecimal(Decimal):
    """A decimal that was tagged as one (``~f``), unlike a number that merely exceeds a double."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A time in microseconds since 1970 UTC, for any year; ``datetime`` ends at 9999."""

    microseconds: int

    def text(self) -> str:
        """As PostgreSQL reads it, in UTC: ``2020-01-13 21:25:03.123+00``, ``… BC`` before year 1.

        The calendar is the proleptic Gregorian one; the year may have any number of digits.
        """
        days, rest = divmod(self.microseconds, _DAY)
        year, month, day = _date(days)
        era = "" if year > 0 else " BC"
        seconds, fraction = divmod(rest, _SECOND)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        decimals = f".{fraction:06}".rstrip("0").rstrip(".")
        shown_year = year if year > 0 else 1 - year
        return (
            f"{shown_year:04}-{month:02}-{day:02}"
            f" {hour:02}:{minute:02}:{second:02}{decimals}+00{era}"
        )

    def rfc3339(self) -> str:
        """Raises ValueError outside the years 1 to 9999, which RFC 3339 cannot represent."""
        try:
            moment = _EPOCH + timedelta(microseconds=self.microseconds)
        except OverflowError as error:
            raise ValueError("the year has no four digits") from error
        return moment.isoformat().replace("+00:00", "Z")


def _date(days: int) -> tuple[int, int, int]:
    """Year (0 is 1 BC), month and day, ``days`` after 1970-01-01."""
    eras, day = divmod(days + _TO_1970, _ERA)
    centuries = min(day // _CENTURY, 3)
    day -= centuries * _CENTURY
    olympiads, day = divmod(day, _OLYMPIAD)
    years = min(day // _YEAR, 3)
    day -= years * _YEAR
    # Months from March come in fives of 153 days: 31, 30, 31, 30, 31.
    months = (5 * day + 2) // 153
    day -= (153 * months + 2) // 5
    year = 400 * eras + 100 * centuries + 4 * olympiads + years
    month = months + 3 if months < 10 else months - 9  # noqa: PLR2004 — March … December
    return (year if month > 2 else year + 1), month, day + 1  # noqa: PLR2004 — January, February


@dataclass(frozen=True, slots=True)
class Tagged:
    """A Transit value that no column can store: composite keys, a link, an unknown tag.

    Ingest accepts it; the loader rejects the record that contains it (loading behaviour 1.2).
    """

    tag: str
    value: Any
