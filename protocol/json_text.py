"""JSON text to Python values without losing a digit that matters (wire contract 6.3).

orjson reads everything it can; two of its habits are mended here. It refuses numbers that a
double calls infinite (``1e400``), and it turns integers outside 64 bits into doubles. Only then
the standard library's parser is used, on text that orjson has found well formed (but for those
numbers), so what is taken and what is not never depends on which of the two reads the values.

What comes out: dict, list, str, bool, None; int for a number without fraction and exponent;
float for the others, Decimal where a float would be infinite. Of equal keys the last wins.
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
# Up to and with the next number that might be infinite, which has 210 digits or more in a row or
# an exponent of three. Its first digits are kept and an exponent is dropped: that leaves a number
# well formed if it was, and ill formed if it was.
_UP_TO_HUGE_NUMBER = re.compile(
    rb"""((?:[^"0-9]++
          |"(?:[^"\\]++|\\.)*+"
          |[0-9]{1,209}+(?![0-9])(?![eE]\+?[0-9]{3}))*+
        [0-9]{1,2})
       [0-9]*+ (?:[eE]\+?[0-9]{3,}+(?![0-9.eE+-]))?""",
    re.DOTALL | re.VERBOSE,
)
# A number that a double gives back as another text: with zeros at its end, or an exponent.
_NONCANONICAL_NUMBER = re.compile(rb"(?:\.[0-9]+0|[eE][+-]?[0-9]+)[\s,\]}]")
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_NUMBERS_TO_ZERO = bytes.maketrans(b"123456789.", b"0000000000")


def parse(body: bytes) -> Any:
    """The value of ``body``, where an integer outside 64 bits may have become a float.

    Raises MalformedBody and TooManyContainers, nothing else.
    """
    refuse_too_many_containers(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _parse_with_huge_numbers(body, str(error))


def parse_lossless(body: bytes, *, decimals: bool = False) -> Any:
    """The same with every integer exact; with ``decimals``, every other number is a Decimal.

    An integer of more than 4,300 digits is a Decimal too. Raises what ``parse`` raises.
    """
    value = parse(body)
    if decimals or may_contain_big_integers(body):
        return _parse_keeping_digits(body, decimals=decimals, inexact=value)
    return value


def refuse_too_many_containers(body: bytes) -> None:
    """Raises TooManyContainers. Counted in the text, because parsing is what costs memory."""
    if len(body) <= 2 * CONTAINERS_MAX or _count_openings(body) <= CONTAINERS_MAX:
        return
    if _count_openings(_STRINGS.sub(b"", body)) > CONTAINERS_MAX:
        raise TooManyContainers


def may_contain_big_integers(body: bytes) -> bool:
    """False when no integer of ``body`` lies outside 64 bits."""
    digits = body.translate(_DIGITS_TO_ZERO)
    return b"0" * 20 in digits or b"-" + b"0" * 19 in digits


def may_contain_long_decimals(body: bytes) -> bool:
    """False when every number of ``body`` has so few digits that a double gives them back."""
    return b"0" * 17 in body.translate(_NUMBERS_TO_ZERO)


def may_contain_noncanonical_numbers(body: bytes) -> bool:
    """False when a double gives back every number of ``body`` that it holds as it is written.

    What a double calls zero is among the spellings: such a number has an exponent.
    """
    return _NONCANONICAL_NUMBER.search(body) is not None


def _count_openings(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _parse_with_huge_numbers(body: bytes, parser_text: str) -> Any:
    """The value of a body that is well formed but for the size of its numbers."""
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
        # orjson reads deeper than this parser. Nothing that deep is accepted by any endpoint,
        # so the digits in it do not matter: let the check of the nesting refuse it by its name.
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
    raise MalformedBody(f"{constant} is not JSON")  # pragma: no cover — orjson refused it before
