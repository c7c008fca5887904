"""Scan JSON for its strings and punctuation, without parsing it."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A string up to its end or its first backslash.
_TOKEN = re.compile(rb'"[^"\\]*"?|[\[\]{},:]')
_QUOTE, _BACKSLASH = b'"'[0], b"\\"[0]


def scan(body: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """Start and end of each string, with its quotes, and of each of ``[]{},:`` outside of strings.

    Ends before a string that is not closed. Backslashes are not matched by the expression: it would
    remember each character, and a string may have twenty million.
    """
    at = start
    while at >= 0:
        at, before = -1, at
        for found in _TOKEN.finditer(body, before):
            begin, end = found.span()
            if body[begin] == _QUOTE and (end - begin == 1 or body[end - 1] != _QUOTE):
                at = _end_of_string(body, end)
                if at >= 0:
                    yield begin, at
                break
            yield begin, end


def _end_of_string(body: bytes, at: int) -> int:
    """The position after the closing quote; -1 if there is none."""
    while quote := body.find(b'"', at) + 1:
        first = quote - 1
        while body[first - 1] == _BACKSLASH:
            first -= 1
        if (quote - first) % 2:
            return quote
        at = quote
    return -1
