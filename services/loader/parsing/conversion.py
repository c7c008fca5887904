"""Converts parsed JSON values to what the staging table takes for a column kind. Pure.

Rules: loading behaviour 1.2, 1.3 and 5.3. Timestamps and decimals become text, which PostgreSQL
parses exactly; everything else is stored as it is.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from protocol.exact_values import ExactDecimal, Timestamp
from services.loader.schema.column_types import BIGINT_MAX, BIGINT_MIN, ColumnKind

# PostgreSQL's limits of an unconstrained numeric.
DIGITS_BEFORE_POINT_MAX = 131_072
DIGITS_AFTER_POINT_MAX = 16_383
# Of a timestamp, from 1970.
MICROSECONDS_MIN = -210_866_803_200_000_000
MICROSECONDS_MAX = 9_224_318_015_999_999_999
# Timestamps beyond this are given in milliseconds in a reason: their year would be too long.
_CALENDAR_MICROSECONDS_MAX = 10 * MICROSECONDS_MAX

_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?",
    re.ASCII,
)
_DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?", re.ASCII)
# The usual spellings: ``date_time`` returns them unchanged, if the day exists.
_ORDINARY_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,15})?"
    r"(?:[Zz]|[+-](?:0\d|1[0-5]):?[0-5]\d)?)?",
    re.ASCII,
)
_DATE_CHARACTERS = len("2026-11-23")
# PostgreSQL accepts only smaller offsets; RFC 3339 has them up to 23:59.
_OFFSET_HOURS = 16
_LEAP_SECOND = 60
_SECOND_MICROSECONDS = 1_000_000
_DAYS_UNTIL_1970 = date(1970, 1, 1).toordinal()
# More digits than PostgreSQL keeps, and fewer than its date parser refuses.
_FRACTION_CHARACTERS_MAX = 16

Convert = Callable[[Any], Any]


class OutOfRange(Exception):
    """The value cannot be stored. The text is the reason as in loading behaviour 5.3."""


def date_time(text: str) -> str | None:
    """A text that PostgreSQL reads as that time, or None if the spelling is not accepted.

    The accepted spellings are those of OP-32; without an offset the time is UTC, as in the session.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None or not _is_date(match[1]):
        return None
    if match[2] is None:
        return text
    hour, minute, second = int(match[2]), int(match[3]), int(match[4])
    if hour > 23 or minute > 59 or second > _LEAP_SECOND:  # noqa: PLR2004 — of a day
        return None
    if second == _LEAP_SECOND or abs(_offset_minutes(match[6])) >= 60 * _OFFSET_HOURS:
        return _timestamp_of_parts(match).text()
    if match[5] and len(match[5]) > _FRACTION_CHARACTERS_MAX:
        return text.replace(match[5], match[5][:_FRACTION_CHARACTERS_MAX], 1)
    return text


def _timestamp_of_parts(match: re.Match[str]) -> Timestamp:
    """For spellings that PostgreSQL does not accept."""
    days = date.fromisoformat(match[1]).toordinal() - _DAYS_UNTIL_1970
    minutes = (days * 24 + int(match[2])) * 60 + int(match[3]) - _offset_minutes(match[6])
    fraction = round(float(match[5] or 0) * _SECOND_MICROSECONDS)
    return Timestamp((minutes * 60 + int(match[4])) * _SECOND_MICROSECONDS + fraction)


def _offset_minutes(text: str | None) -> int:
    if text is None or text in {"Z", "z"}:
        return 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return -minutes if text[0] == "-" else minutes


def are_ordinary_date_times(texts: Sequence[str]) -> bool:
    """True if ``date_time`` returns each of them unchanged. Runs no Python code for each text."""
    return all(map(_ORDINARY_DATE_TIME.fullmatch, texts)) and all(
        map(_is_date, {text[:_DATE_CHARACTERS] for text in texts})
    )


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def decimal(text: str) -> str | None:
    """The text itself if it is a decimal that a numeric column can hold, else None."""
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    exponent = int(match[4] or 0)
    before = len(match[2].lstrip("0")) + exponent
    after = len(match[3] or "") - exponent
    if before > DIGITS_BEFORE_POINT_MAX or after > DIGITS_AFTER_POINT_MAX:
        return None
    return text


def timestamp(value: Timestamp) -> str:
    """PostgreSQL's range: 4713 BC (Julian day 0, 24 November) to the end of 294276."""
    if MICROSECONDS_MIN <= value.microseconds <= MICROSECONDS_MAX:
        return value.text()
    raise OutOfRange(f"timestamp out of range for PostgreSQL on {_timestamp_text(value)}")


def _timestamp_text(value: Timestamp) -> str:
    return (
        value.text()
        if abs(value.microseconds) < _CALENDAR_MICROSECONDS_MAX
        else "~m" + str(value.microseconds // 1000)
    )


def integer(value: int) -> int:
    if BIGINT_MIN <= value <= BIGINT_MAX:
        return value
    raise OutOfRange(f"integer out of range for PostgreSQL on {value}")


def _whole(value: float | Decimal) -> int:
    # Both comparisons are false for NaN, one of them for an infinity.
    if BIGINT_MIN <= value <= BIGINT_MAX and value == int(value):
        return integer(int(value))
    raise OutOfRange(f"integer out of range for PostgreSQL on {as_written(value)}")


def _double(value: float | Decimal) -> float:
    try:
        found = float(value)
    except OverflowError:
        found = float("inf")
    if found in (float("inf"), float("-inf")):
        raise OutOfRange(f"decimal out of range for PostgreSQL on {as_written(value)}")
    return found


def as_written(value: float | Decimal | str) -> str:
    """``1e400``, as JSON has it, for what Python writes as ``1E+400``."""
    return str(value).replace("E", "e").replace("e+", "e")


def _numeric(value: float | Decimal) -> str:
    # repr of a float is the shortest text with that value: up to 15 digits, what the client wrote.
    text = repr(value) if isinstance(value, float) else str(value)
    if decimal(text) is None:
        raise OutOfRange(f"decimal out of range for PostgreSQL on {as_written(text)}")
    return text


def _unchanged(value: Any) -> Any:
    return value


# By exact Python type (bool is a subclass of int) and target kind.
_CONVERSIONS: dict[tuple[type, ColumnKind], Convert] = {
    (int, ColumnKind.BIGINT): integer,
    (int, ColumnKind.DOUBLE): _double,
    (int, ColumnKind.NUMERIC): str,
    (float, ColumnKind.BIGINT): _whole,
    (float, ColumnKind.DOUBLE): _unchanged,
    (float, ColumnKind.NUMERIC): _numeric,
    (Decimal, ColumnKind.BIGINT): _whole,
    (Decimal, ColumnKind.DOUBLE): _double,
    (Decimal, ColumnKind.NUMERIC): _numeric,
    (ExactDecimal, ColumnKind.NUMERIC): _numeric,
}


def conversion(value_type: type, kind: ColumnKind) -> Convert:
    """Raises KeyError for a pair that no type rule produces."""
    return _CONVERSIONS[value_type, kind]


def text_kind(text: str, kinds: tuple[ColumnKind, ...]) -> tuple[ColumnKind, str]:
    """The first kind as which the text can be parsed, and what to store. Raises OutOfRange.

    U+0000, which PostgreSQL's text cannot hold, is dropped first (OP-30).
    """
    text = text.replace("\0", "")
    for kind in kinds:
        if kind is ColumnKind.TEXT:
            return kind, text
        found = date_time(text) if kind is ColumnKind.TIMESTAMP else decimal(text)
        if found is not None:
            return kind, found
    what = "timestamp" if kinds[-1] is ColumnKind.TIMESTAMP else "decimal"
    raise OutOfRange(f"{what} out of range for PostgreSQL on {text}")
