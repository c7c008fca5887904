"""Transit+JSON as a client writes it, compact (with the cache) or verbose, to test the reader.

Written from the format, not from the reader: the cache holds the strings in an order that the
writer decides, and every scalar is written in the form that its type demands.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

CACHE_SIZE = 44 * 44


@dataclass(frozen=True)
class Written:
    """A value that is written as ``text`` and is to be read as ``read``."""

    text: str
    read: Any


@dataclass(frozen=True)
class Set:
    items: tuple[Any, ...]


def compact(value: Any) -> bytes:
    return orjson.dumps(_Compact().of(value))


def verbose(value: Any) -> bytes:
    return orjson.dumps(_verbose(value))


def plain(value: Any) -> Any:
    """What the reader is to answer."""
    if isinstance(value, Written):
        return value.read
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Set | list):
        return [plain(item) for item in (value.items if isinstance(value, Set) else value)]
    if isinstance(value, dict):
        return {_name(key): plain(content) for key, content in value.items()}
    return value


def _name(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return str(key)


def _scalar(value: Any) -> Any:
    if isinstance(value, Written):
        return value.text
    if isinstance(value, str):
        return f"~{value}" if value[:1] in ("~", "^", "`") else value
    if isinstance(value, Decimal):
        return f"~f{value}"
    if isinstance(value, UUID):
        return f"~u{value}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return f"~i{value}" if abs(value) < 2**63 else f"~n{value}"
    return value


def _key(value: Any) -> str:
    if isinstance(value, bool):
        return f"~?{str(value)[0].lower()}"
    if isinstance(value, int):
        return f"~i{value}"
    if isinstance(value, float):
        return f"~d{value}"
    return str(_scalar(value))


class _Compact:
    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        if isinstance(value, dict):
            written: list[Any] = ["^ "]
            for key, content in value.items():
                written.append(self.cached(_key(key), is_key=True))
                written.append(self.of(content))
            return written
        if isinstance(value, Set):
            return [self.cached("~#set", is_key=False), [self.of(item) for item in value.items]]
        if isinstance(value, list):
            return [self.of(item) for item in value]
        scalar = _scalar(value)
        return self.cached(scalar, is_key=False) if isinstance(scalar, str) else scalar

    def cached(self, text: str, *, is_key: bool) -> str:
        if len(text) < 4 or not (is_key or text[:2] in ("~#", "~:", "~$")):
            return text
        if text in self.codes:
            return self.codes[text]
        if len(self.codes) == CACHE_SIZE:
            self.codes.clear()
        index = len(self.codes)
        high, low = divmod(index, 44)
        self.codes[text] = f"^{chr(48 + high)}{chr(48 + low)}" if high else f"^{chr(48 + low)}"
        return text


def _verbose(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _verbose(content) for key, content in value.items()}
    if isinstance(value, Set):
        return {"~#set": [_verbose(item) for item in value.items]}
    if isinstance(value, list):
        return [_verbose(item) for item in value]
    return _scalar(value)
