"""Expand the cache codes of Transit+JSON, so that each record can be read without those before it.

A writer assigns a short code to each map key and tag that it repeats. Each code is replaced by its
meaning. Nothing else changes: neither digits nor any order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pushgate_client.limits import BODY_BYTES_MAX
from pushgate_client.sending.json_scan import scan

_MAP = b"^ "
_GIVEN_TO_ALL = (b"~#", b"~:", b"~$")
_CHARACTERS_MIN = 4
_DIGITS, _FIRST_DIGIT = 44, 48


@dataclass
class _OpenArray:
    """Whether it is a map, and which of its members comes next."""

    is_map: bool = False
    member: int = 0


def expand_cache_codes(body: bytes) -> bytes | None:
    """None if the body is not an array of maps, or would become too large."""
    if not re.match(rb'\s*\[\s*[^"\s]', body):
        return None
    codes, open_arrays, parts, copied = _CacheCodes(), [_OpenArray()], list[bytes](), 0
    for start, end in scan(body):
        token, array = body[start:end], open_arrays[-1]
        if token in (b"[", b"{"):
            open_arrays.append(_OpenArray())
        elif token in (b"]", b"}"):
            open_arrays.pop()
            if not open_arrays:
                return None
        elif token in (b",", b":"):
            array.member += token == b","
        elif token[1:-1] == _MAP:
            array.is_map = array.member == 0
        elif token[1:2] == b"^" and len(token) > len('"^"'):
            meaning = codes.meanings.get(token[1:-1])
            if meaning is None:
                return None
            parts += [body[copied:start], meaning]
            copied = end
        else:
            codes.see(token, is_key=array.is_map and array.member % 2 == 1)
    written = b"".join([*parts, body[copied:]])
    return written if len(written) <= BODY_BYTES_MAX else None


class _CacheCodes:
    """In the order in which a writer assigns them; after the last it starts again."""

    def __init__(self) -> None:
        self.meanings: dict[bytes, bytes] = {}
        self._next = 0

    def see(self, token: bytes, *, is_key: bool) -> None:
        """A string, with its quotes, that is not a code: it may be assigned one now."""
        if not is_key and token[1:3] not in _GIVEN_TO_ALL:
            return
        if _characters(token) < _CHARACTERS_MIN:
            return
        if self._next == _DIGITS * _DIGITS:
            self._next = 0
            self.meanings.clear()
        high, low = divmod(self._next, _DIGITS)
        digits = [high, low] if high else [low]
        self.meanings[b"^" + bytes(_FIRST_DIGIT + digit for digit in digits)] = token
        self._next += 1


def _characters(token: bytes) -> int:
    if token.isascii() and b"\\" not in token:
        return len(token) - 2
    try:
        return len(json.loads(token))
    except ValueError:
        return 0
