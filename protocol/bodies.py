"""A body's values: the one way to read them, for the gate that checks and the loader that loads.

Were the two to read a body differently, what was accepted might not be what is loaded (hostile
input 8). ``quick_`` may turn an integer outside 64 bits, or a decimal that a schema wants exact,
into the nearest float, which is enough to see that all is in order; ``exact_`` never does.

All raise MalformedBody and TooManyContainers; of an accepted body none raises anything.
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
    """Decimals are as written too where ``multipleOf`` marks them (loading behaviour 1.3)."""
    return parse_lossless(body, decimals=_needs_decimals(body))


def fast_push_is_lossless(body: bytes, media_type: str) -> bool:
    """True when reading it exactly would give the same."""
    return is_transit(media_type) or not may_contain_big_integers(body)


def fast_batch_is_lossless(body: bytes) -> bool:
    """True when reading it exactly would give the same."""
    return not may_contain_big_integers(body) and not _needs_decimals(body)


def _needs_decimals(body: bytes) -> bool:
    return b"multipleOf" in body and (
        may_contain_long_decimals(body) or may_contain_noncanonical_numbers(body)
    )
