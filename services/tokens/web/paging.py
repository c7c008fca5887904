"""Where in a long list a person is, by the address; one that was mistyped is at the beginning."""

from __future__ import annotations

from typing import NamedTuple

PAGES_MAX = 10_000
# More of them say nothing further, and thousands are more than int() reads.
DIGITS_READ = 8


class Pagination(NamedTuple):
    """Page ``number``, from 1, of ``pages``."""

    number: int
    pages: int


def parse_number(text: str | None, most: int) -> int:
    """``most`` for what is none, or more."""
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > len(str(most)):
        return most
    return min(int(text), most)


def parse_page_number(text: str) -> int:
    """From 1; 1 for what is none."""
    if not (text.isascii() and text.isdecimal()):
        return 1
    return min(max(int(text[:DIGITS_READ]), 1), PAGES_MAX)


def paginate(number: int, found: int, *, shown: int) -> Pagination:
    return Pagination(number, -(-found // shown))
