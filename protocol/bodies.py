"""A body's values: the one way to read them, for the gate that checks and the loader that loads.

Were the two to read a body differently, what was accepted might not be what is loaded (hostile
input 8). ``quick_`` may turn an integer outside 64 bits, or a decimal that a schema wants exact,
into the nearest float, which is enough to see that all is in order; ``exact_`` never does.

All raise MalformedBody and TooManyContainers; of an accepted body none raises anything.
"""

from typing import Any

from protocol.json_text import (
    may_hold_big_integers,
    may_hold_long_decimals,
    may_hold_other_spellings,
    parse,
    parse_exact,
)
from protocol.media_types import is_transit
from protocol.transit import decode


def quick_push(body: bytes, media_type: str) -> Any:
    return decode(body) if is_transit(media_type) else parse(body)


def exact_push(body: bytes, media_type: str) -> Any:
    return decode(body) if is_transit(media_type) else parse_exact(body)


def quick_batch(body: bytes) -> Any:
    return parse(body)


def exact_batch(body: bytes) -> Any:
    """Decimals are as written too where ``multipleOf`` marks them (loading behaviour 1.3)."""
    return parse_exact(body, decimals=_needs_decimals(body))


def quick_push_is_exact(body: bytes, media_type: str) -> bool:
    """True when reading it exactly would give the same."""
    return is_transit(media_type) or not may_hold_big_integers(body)


def quick_batch_is_exact(body: bytes) -> bool:
    """True when reading it exactly would give the same."""
    return not may_hold_big_integers(body) and not _needs_decimals(body)


def _needs_decimals(body: bytes) -> bool:
    return b"multipleOf" in body and (
        may_hold_long_decimals(body) or may_hold_other_spellings(body)
    )
