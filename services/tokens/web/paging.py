"""Page numbers and cursors in query strings. A malformed one means the first page. Pure."""

from __future__ import annotations

from typing import NamedTuple

PAGES_MAX = 10_000
# Longer page numbers are beyond PAGES_MAX, and int() refuses texts of thousands of digits.
PAGE_DIGITS_MAX = 8


class Pagination(NamedTuple):
    """Page ``number`` (from 1) of ``pages``."""

    number: int
    pages: int


def parse_number(text: str | None, maximum: int) -> int:
    """Parse a whole number; return ``maximum`` for a larger one and for any other text."""
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > len(str(maximum)):
        return maximum
    return min(int(text), maximum)


def parse_page_number(text: str) -> int:
    """Parse a page number from 1 to ``PAGES_MAX``; return 1 for any other text."""
    if not (text.isascii() and text.isdecimal()):
        return 1
    return min(max(int(text[:PAGE_DIGITS_MAX]), 1), PAGES_MAX)


def paginate(number: int, found: int, *, page_size: int) -> Pagination:
    return Pagination(number, -(-found // page_size))
