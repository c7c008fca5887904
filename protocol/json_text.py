"""Parse JSON without losing significant digits (wire contract 6.3).

orjson parses nearly everything, with two exceptions that are handled here: it refuses numbers that
overflow a double (``1e400``), and it turns integers outside 64 bits into doubles. For these the
parser of the standard library is used, on text that orjson has found well formed apart from those
numbers, so whether a body is accepted never depends on which parser reads it.

Returns dict, list, str, bool and None; int for a number without fraction and exponent; float for
other numbers, Decimal where a float would be infinite. If a key is repeated, the last one wins.
"""

import json
import re
from decimal import Decimal, DecimalException
from typing import Any, NoReturn

import orjson

from protocol.limits import CONTAINERS_MAX, HUGE_NUMBERS_MAX
from protocol.refusals.edge import MalformedBody, TooManyContainers

# The most digits that int() takes from text; beyond them it would also be slow.
INTEGER_DIGITS_MAX = 4_300

_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# Matches everything up to and including the next number that might overflow a double: one with 210
# or more consecutive digits, or with an exponent of three or more digits. Read it as:
#     ( ( text that is neither string nor digit
#       | a whole string, so that digits inside strings are skipped
#       | a number that cannot overflow )*  and the first one or two digits of the huge number )
#     the rest of its digits, and its exponent
# The possessive quantifiers (``++``, ``*+``) keep the match linear in the body. Group 1 is kept and
# the rest dropped: the number stays well formed if it was, and malformed if it was.
_UP_TO_HUGE_NUMBER = re.compile(
    rb"""((?:[^"0-9]++
          |"(?:[^"\\]++|\\.)*+"
          |[0-9]{1,209}+(?![0-9])(?![eE]\+?[0-9]{3}))*+
        [0-9]{1,2})
       [0-9]*+ (?:[eE]\+?[0-9]{3,}+(?![0-9.eE+-]))?""",
    re.DOTALL | re.VERBOSE,
)
# A number that a double prints differently: with trailing zeros, or with an exponent.
_NONCANONICAL_NUMBER = re.compile(rb"(?:\.[0-9]+0|[eE][+-]?[0-9]+)[\s,\]}]")
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_NUMBERS_TO_ZERO = bytes.maketrans(b"123456789.", b"0000000000")


def parse(body: bytes) -> Any:
    """Parse ``body``; an integer outside 64 bits may become a float.

    Raises only MalformedBody and TooManyContainers.
    """
    refuse_too_many_containers(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _parse_with_huge_numbers(body, str(error))


def parse_lossless(body: bytes, *, decimals: bool = False) -> Any:
    """Parse ``body`` with exact integers; with ``decimals``, other numbers become Decimal.

    An integer of more than 4,300 digits becomes a Decimal. Raises what ``parse`` raises.
    """
    value = parse(body)
    if decimals or may_contain_big_integers(body):
        return _parse_keeping_digits(body, decimals=decimals, inexact=value)
    return value


def refuse_too_many_containers(body: bytes) -> None:
    """Raises TooManyContainers. Counts in the text, because parsing is what costs memory."""
    if len(body) <= 2 * CONTAINERS_MAX or _count_openings(body) <= CONTAINERS_MAX:
        return
    if _count_openings(_STRINGS.sub(b"", body)) > CONTAINERS_MAX:
        raise TooManyContainers


def may_contain_big_integers(body: bytes) -> bool:
    """False only if no integer in ``body`` lies outside 64 bits."""
    digits = body.translate(_DIGITS_TO_ZERO)
    return b"0" * 20 in digits or b"-" + b"0" * 19 in digits


def may_contain_long_decimals(body: bytes) -> bool:
    """False only if every number in ``body`` has few enough digits for a double."""
    return b"0" * 17 in body.translate(_NUMBERS_TO_ZERO)


def may_contain_noncanonical_numbers(body: bytes) -> bool:
    """False only if every number that a double can represent is also printed as it was written.

    This covers numbers that underflow to zero, because they have an exponent.
    """
    return _NONCANONICAL_NUMBER.search(body) is not None


def _count_openings(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _parse_with_huge_numbers(body: bytes, parser_text: str) -> Any:
    """Parse a body that is well formed except for the magnitude of its numbers."""
    tamed: list[bytes] = []
    end = 0
    while len(tamed) < HUGE_NUMBERS_MAX and (match := _UP_TO_HUGE_NUMBER.match(body, end)):
        tamed.append(match[1])
        end = match.end()
    try:
        inexact = orjson.loads(b"".join([*tamed, body[end:]]))
    except orjson.JSONDecodeError:
        raise MalformedBody(parser_text) from None
    return _parse_keeping_digits(body, decimals=False, inexact=inexact)


def _parse_keeping_digits(body: bytes, *, decimals: bool, inexact: Any) -> Any:
    decoder = json.JSONDecoder(
        parse_float=exact_decimal if decimals else exact_float,
        parse_int=exact_integer,
        parse_constant=_refuse_constant,
    )
    try:
        return decoder.decode(body.decode())
    except RecursionError:
        # orjson parses deeper than this parser. No endpoint accepts such nesting, so the digits
        # do not matter: the nesting check refuses the body with the right reason.
        return inexact


def exact_integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= INTEGER_DIGITS_MAX else Decimal(text)


def exact_float(text: str) -> float | Decimal:
    number = float(text)
    return number if abs(number) != float("inf") else exact_decimal(text)


def exact_decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except DecimalException:
        # An exponent of 19 digits: too large or too small for any type of any database.
        tiny = text.lower().partition("e")[2].startswith("-")
        return Decimal(0 if tiny else "-1E+999999" if text.startswith("-") else "1E+999999")


def _refuse_constant(constant: str) -> NoReturn:
    raise MalformedBody(f"{constant} is not JSON")  # pragma: no cover — orjson refuses it first
