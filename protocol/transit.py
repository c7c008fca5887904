"""Decode Transit+JSON, compact and verbose, into plain Python values (wire contract section 6).

A map becomes a dict with string keys, a set or list a list; ~i ~n int, ~f ExactDecimal, ~d ~z
float, ~m ~t Timestamp, ~u ~r ~: ~$ ~c ~b str; any other tag becomes Tagged.

We do not use the reader on PyPI because it returns types of its own (frozendict, Boolean) and has a
third of the speed. This one is fast because the records of a push repeat the same keys as the same
cache codes: all keys of a map are looked up together, by the tuple of their codes.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from protocol.exact_values import ExactDecimal, Tagged, Timestamp
from protocol.json_text import exact_decimal, exact_float, exact_integer, parse_lossless
from protocol.limits import RECORDS_MAX
from protocol.refusals.edge import MalformedBody

MAP_MARKER = "^ "
_CACHEABLE_CHARACTERS_MIN = 4
_CODE_DIGITS = 44
_CODE_BASE = 48
# In the order in which a reader gives them out; after the last it begins again.
CODES = [f"^{chr(_CODE_BASE + low)}" for low in range(_CODE_DIGITS)] + [
    f"^{chr(_CODE_BASE + high)}{chr(_CODE_BASE + low)}"
    for high in range(1, _CODE_DIGITS)
    for low in range(_CODE_DIGITS)
]
_SPECIAL = frozenset("~^`")
_ARRAY_TAGS = frozenset(
    {"set", "list", "array", "ints", "longs", "shorts", "floats", "doubles", "bools", "chars"}
)
_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def decode(body: bytes) -> Any:
    """Raises MalformedBody, for bad transit as for bad JSON, and TooManyContainers.

    An array of more than RECORDS_MAX comes back as it was written: its length refuses it.
    """
    parsed = parse_lossless(body)
    if type(parsed) is list and len(parsed) > RECORDS_MAX and parsed[0] != MAP_MARKER:
        return parsed
    try:
        try:
            return _TransitReader(remember=True).value(parsed)
        except _CacheRestarted:
            return _TransitReader(remember=False).value(parsed)
    except RecursionError:
        raise MalformedBody("nested too deeply") from None


class _CacheRestarted(Exception):
    """Codes change their meaning from here on; what is remembered about them is worthless."""


class _TransitReader:
    """One body's cache, and the walk through it in the order of the document."""

    def __init__(self, *, remember: bool) -> None:
        self._remember = remember
        self._next_code = 0
        # For each cache code: the value as first written, and the value as a map key.
        self._written: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        # The keys of whole maps, by their codes.
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def value(self, item: Any) -> Any:
        kind = type(item)
        if kind is str:
            return self._string(item) if item[:1] in _SPECIAL else item
        if kind is list:
            return self._array(item)
        return self._object(item) if kind is dict else item

    def _array(self, items: list[Any]) -> Any:
        head = items[0] if items else None
        if type(head) is str and head[:1] in _SPECIAL:
            if head == MAP_MARKER:
                return self._map(items)
            if tag := self._tag(head):
                if len(items) == 2:  # noqa: PLR2004 — a tag and what it tags
                    return self._tagged(tag, items[1])
                return [head, *map(self.value, items[1:])]
        return [self.value(item) for item in items]

    def _map(self, items: list[Any]) -> dict[str, Any]:
        if len(items) % 2 == 0:
            raise MalformedBody("a map with a key that has no value")
        written = tuple(items[1::2])
        try:
            keys = self._known.get(written) or self._look_up(written)
        except TypeError:
            raise MalformedBody("a map with an array or object as a key") from None
        if keys is None:
            return self._map_in_order(items)
        # One check per value, without a call for values that need no decoding.
        return dict(
            zip(
                keys,
                [
                    self.value(item)
                    if (kind := type(item)) is list
                    or kind is dict
                    or (kind is str and item[:1] in _SPECIAL)
                    else item
                    for item in items[2::2]
                ],
                strict=True,
            )
        )

    def _look_up(self, written: tuple[Any, ...]) -> tuple[str, ...] | None:
        """The keys, if reading them changes nothing in the cache; remembers them for next time."""
        if not self._remember or not all(key in self._keys for key in written):
            return None
        keys = tuple(self._keys[key] for key in written)
        self._known[written] = keys
        return keys

    def _map_in_order(self, items: list[Any]) -> dict[str, Any]:
        """Key, value, key, value: each may give out the code that the next one uses."""
        result: dict[str, Any] = {}
        pairs = iter(items)
        next(pairs)
        for written in pairs:
            key = self._key(written)
            result[key] = self.value(next(pairs))
        return result

    def _object(self, item: dict[str, Any]) -> Any:
        if len(item) == 1:
            [(written, content)] = item.items()
            if tag := self._tag(written):
                return self._tagged(tag, content)
        return {self._key(written): self.value(content) for written, content in item.items()}

    def _key(self, written: Any) -> str:
        if type(written) is not str:
            return _key_text(written)
        if written[:1] == "^" and written != MAP_MARKER and len(written) > 1:
            return self._key_of(self._meaning(written))
        if len(written) >= _CACHEABLE_CHARACTERS_MIN:
            self._give_code(written)
            return self._key_of(written)
        key = self._key_of(written)
        if self._remember:
            self._keys[written] = key
        return key

    def _key_of(self, written: str) -> str:
        return _key_text(_scalar(written)) if written[:1] in _SPECIAL else written

    def _tag(self, written: str) -> str | None:
        """The tag name that ``written`` is or refers to; a new name gets a cache code."""
        if written[:2] == "~#":
            if len(written) >= _CACHEABLE_CHARACTERS_MIN:
                self._give_code(written)
            return written[2:]
        if written[:1] == "^" and written != MAP_MARKER and len(written) > 1:
            meaning = self._meaning(written)
            return meaning[2:] if meaning[:2] == "~#" else None
        return None

    def _string(self, written: str) -> Any:
        if written[0] == "^" and written != MAP_MARKER and len(written) > 1:
            return _scalar(self._meaning(written))
        if written[:2] in {"~:", "~$", "~#"} and len(written) >= _CACHEABLE_CHARACTERS_MIN:
            self._give_code(written)
        return _scalar(written)

    def _meaning(self, code: str) -> str:
        try:
            return self._written[code]
        except KeyError:
            raise MalformedBody(f"cache code {code} was never given out") from None

    def _give_code(self, written: str) -> None:
        if self._next_code == len(CODES):
            if self._remember:
                raise _CacheRestarted
            self._next_code = 0
        code = CODES[self._next_code]
        self._next_code += 1
        self._written[code] = written
        if self._remember:
            self._keys[code] = self._key_of(written)

    def _tagged(self, tag: str, content: Any) -> Any:
        value = self.value(content)
        if tag in _ARRAY_TAGS:
            if type(value) is not list:
                raise MalformedBody(f"~#{tag} of something that is no array")
            return value
        if tag == "'":
            return value
        if tag == "u" and type(value) is list:
            return _uuid_text(value)
        if tag in _SCALARS and type(value) in {str, int}:
            return _SCALARS[tag](str(value))
        return Tagged(tag, value)


def _scalar(written: str) -> Any:
    """A string that begins with ~, ^ or a backquote, without its tag."""
    if written[0] != "~" or len(written) == 1:
        return written
    tag = written[1]
    if tag in _SPECIAL:
        return written[1:]
    if tag == "#":
        return written
    read = _SCALARS.get(tag)
    return Tagged(tag, written[2:]) if read is None else read(written[2:])


def _key_text(key: Any) -> str:
    """A column needs a name: what a key that is no string is called (``true``, ``1.5``)."""
    if type(key) is str:
        return key
    if key is None:
        return "null"
    if type(key) is bool:
        return "true" if key else "false"
    if type(key) is Timestamp:
        return key.text()
    if type(key) is Tagged:
        return f"{key.value}"
    return str(key)


def _integer(text: str) -> int | Decimal:
    if not _INTEGER.fullmatch(text):
        raise MalformedBody("an integer with something else than digits")
    return exact_integer(text)


def _decimal(text: str) -> ExactDecimal:
    if not _NUMBER.fullmatch(text):
        raise MalformedBody("a decimal with something else than digits")
    return ExactDecimal(exact_decimal(text))


def _double(text: str) -> float | Decimal:
    if not _NUMBER.fullmatch(text):
        raise MalformedBody("a double with something else than digits")
    return exact_float(text)


def _special(text: str) -> float:
    names = {"NaN": "nan", "INF": "inf", "-INF": "-inf"}
    if text not in names:
        raise MalformedBody("a special number other than NaN, INF and -INF")
    return float(names[text])


def _boolean(text: str) -> bool:
    if text not in {"t", "f"}:
        raise MalformedBody("a boolean other than t and f")
    return text == "t"


def _milliseconds(text: str) -> Timestamp:
    milliseconds = _integer(text)
    if type(milliseconds) is not int:
        raise MalformedBody("a time with more than 4300 digits")
    return Timestamp(milliseconds * 1000)


def _time(text: str) -> Timestamp:
    if _TIME.fullmatch(text):
        try:
            return Timestamp((datetime.fromisoformat(text.upper()) - _EPOCH) // _MICROSECOND)
        except ValueError:
            pass
    raise MalformedBody("a time that is not RFC 3339")


def _uuid_text(halves: list[Any]) -> str:
    if len(halves) != 2 or any(type(half) is not int for half in halves):  # noqa: PLR2004 — halves
        raise MalformedBody("a UUID that is not two integers")
    high, low = (half & (2**64 - 1) for half in halves)
    return str(UUID(int=high << 64 | low))


def _null(_: str) -> None:
    return None


_SCALARS: dict[str, Callable[[str], Any]] = {
    "_": _null,
    "?": _boolean,
    "i": _integer,
    "n": _integer,
    "d": _double,
    "f": _decimal,
    "z": _special,
    "m": _milliseconds,
    "t": _time,
    "s": str,
    "u": str,
    "r": str,
    ":": str,
    "$": str,
    "c": str,
    "b": str,
}
