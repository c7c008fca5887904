"""Validate the key values of records, for every endpoint."""

from collections.abc import Sequence
from operator import itemgetter
from types import NoneType
from typing import Any

from protocol.limits import KEY_CHARACTERS_MAX


def keys_in_order(key_names: Sequence[str], datas: Sequence[dict[str, Any]]) -> bool:
    """Whether in every ``data`` each key is not null and, if a string, short enough.

    Raises KeyError if a key is absent.
    """
    for name in dict.fromkeys(key_names):
        column = list(map(itemgetter(name), datas))
        types = set(map(type, column))
        if NoneType in types:
            return False
        if str in types:
            characters = max(map(len, column)) if len(types) == 1 else longest(column)
            if characters > KEY_CHARACTERS_MAX:
                return False
    return True


def longest(values: Sequence[Any]) -> int:
    """Characters of the longest string among ``values``."""
    return max((len(value) for value in values if type(value) is str), default=0)


def too_long(value: Any) -> bool:
    """Counts characters, not bytes (wire contract X1)."""
    return type(value) is str and len(value) > KEY_CHARACTERS_MAX
