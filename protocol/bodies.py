"""Parse request bodies, for ingest, which validates them, and for the loader, which loads them.

Both use these functions: if they parsed a body differently, the loaded data might differ from the
accepted data (hostile input 8). The ``_fast`` functions may turn an integer outside 64 bits, or a
decimal that a schema wants exact, into the nearest float, which is enough for validation; the
``_lossless`` functions never do.

All raise MalformedBody and TooManyContainers, and nothing for a body that was accepted.
"""

from typing import Any

from protocol.json_text import (
    may_contain_big_integers,
    may_contain_long_decimals,
    may_contain_noncanonical_numbers,
    parse,
    parse_lossless,
)
from protocol.media_types import is_transit
from protocol.transit import decode


def parse_push_fast(body: bytes, media_type: str) -> Any:
    return decode(body) if is_transit(media_type) else parse(body)


def parse_push_lossless(body: bytes, media_type: str) -> Any:
    return decode(body) if is_transit(media_type) else parse_lossless(body)


def parse_batch_fast(body: bytes) -> Any:
    return parse(body)


def parse_batch_lossless(body: bytes) -> Any:
    """Also keeps decimals exact where ``multipleOf`` asks for it (loading behaviour 1.3)."""
    return parse_lossless(body, decimals=_needs_decimals(body))


def fast_push_is_lossless(body: bytes, media_type: str) -> bool:
    """True if the lossless parser would return the same value."""
    return is_transit(media_type) or not may_contain_big_integers(body)


def fast_batch_is_lossless(body: bytes) -> bool:
    """True if the lossless parser would return the same value."""
    return not may_contain_big_integers(body) and not _needs_decimals(body)


def _needs_decimals(body: bytes) -> bool:
    return b"multipleOf" in body and (
        may_contain_long_decimals(body) or may_contain_noncanonical_numbers(body)
    )
