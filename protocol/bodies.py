"""A body's values: the one way to read them, for the gate that checks and the loader that loads.

Were the two to read a body differently, what was accepted might not be what is loaded (hostile
input 8). ``quick_`` may turn an integer outside 64 bits into a float, which is all that a gate
needs to see that something is not ordinary; ``exact_`` never does. Nothing else differs.

All raise MalformedBody and TooManyContainers; of an accepted body none raises anything.
"""

from typing import Any

from protocol.json_text import may_hold_big_integers, may_hold_long_decimals, parse, parse_exact
from protocol.media_types import is_transit
from protocol.transit import decode


def quick_push(body: bytes, media_type: str) -> Any:
    return decode(body) if is_transit(media_type) else parse(body)


def exact_push(body: bytes, media_type: str) -> Any:
    return decode(body) if is_transit(media_type) else parse_exact(body)


def quick_batch(body: bytes) -> Any:
    return parse_exact(body, decimals=True) if _needs_decimals(body) else parse(body)


def exact_batch(body: bytes) -> Any:
    return parse_exact(body, decimals=_needs_decimals(body))


def quick_is_exact(body: bytes, media_type: str) -> bool:
    """True when reading again would give the same."""
    return is_transit(media_type) or not may_hold_big_integers(body)


def _needs_decimals(body: bytes) -> bool:
    """``multipleOf`` marks exact decimals (loading behaviour 1.3); a double loses long ones."""
    return b"multipleOf" in body and may_hold_long_decimals(body)
