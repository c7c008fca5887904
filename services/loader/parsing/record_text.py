"""A record as text for ``_sdc_rejected``, to be read and pushed again. Pure.

A record pushed as JSON is written as JSON, with all digits of its numbers. One pushed as transit is
written as verbose transit, because JSON cannot express times and exact decimals (loading behaviour
5.2).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from protocol.exact_values import ExactDecimal, Tagged, Timestamp
from services.loader.parsing.conversion import as_written
from services.loader.schema.column_types import BIGINT_MAX, BIGINT_MIN

REJECTED_CHARACTERS_MAX = 1024 * 1024

# A transit reader in JavaScript would lose digits of larger integers.
_PLAIN_INTEGER_MAX = 2**53
_SPECIAL_NUMBERS = {"nan": "~zNaN", "inf": "~zINF", "-inf": "~z-INF"}


def text_of(record: dict[str, Any], *, transit: bool) -> str:
    """Cut at REJECTED_CHARACTERS_MAX."""
    if transit:
        return orjson.dumps(_transit(record)).decode()[:REJECTED_CHARACTERS_MAX]
    try:
        written = orjson.dumps(record, default=_digits)
    except TypeError:  # an integer beyond 64 bits
        written = orjson.dumps(_with_large_integers(record), default=_digits)
    return written.decode()[:REJECTED_CHARACTERS_MAX]


def _digits(number: Decimal | int) -> orjson.Fragment:
    return orjson.Fragment(as_written(number))


def _with_large_integers(value: Any) -> Any:
    if type(value) is dict:
        return {name: _with_large_integers(inner) for name, inner in value.items()}
    if type(value) is list:
        return [_with_large_integers(inner) for inner in value]
    return value if type(value) is not int or _is_bigint(value) else _digits(value)


def _is_bigint(value: int) -> bool:
    return BIGINT_MIN <= value <= BIGINT_MAX


def _transit(value: Any) -> Any:
    write = _TRANSIT.get(type(value))
    return value if write is None else write(value)


def _map(value: dict[str, Any]) -> dict[str, Any]:
    return {_escaped(name): _transit(inner) for name, inner in value.items()}


def _array(value: list[Any]) -> list[Any]:
    return [_transit(inner) for inner in value]


def _escaped(text: str) -> str:
    return "~" + text if text[:1] in {"~", "^", "`"} else text


def _integer(value: int) -> int | str:
    if abs(value) <= _PLAIN_INTEGER_MAX:
        return value
    return ("~i" if _is_bigint(value) else "~n") + str(value)


def _double(value: float) -> float | str:
    return _SPECIAL_NUMBERS.get(str(value), value)


def _time(value: Timestamp) -> str:
    try:
        return "~t" + value.rfc3339()
    except ValueError:
        return f"~m{value.microseconds // 1000}"


def _tagged(value: Tagged) -> dict[str, Any]:
    return {f"~#{value.tag}": _transit(value.value)}


_TRANSIT: dict[type, Callable[[Any], Any]] = {
    dict: _map,
    list: _array,
    str: _escaped,
    int: _integer,
    float: _double,
    # A number that no double holds, which is why the record is rejected.
    Decimal: lambda value: "~d" + as_written(value),
    ExactDecimal: lambda value: "~f" + as_written(value),
    Timestamp: _time,
    Tagged: _tagged,
}
