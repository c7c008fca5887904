"""By what a request is known again when it comes a second time (wire contract 4.7). Pure.

Records with keys need nothing of this: their sequence decides, and the same one changes nothing. A
request that names itself by an ``Idempotency-Key`` is known by that alone; one without keys by its
bytes, because target-stitch sends the same again when it has not heard an answer.
"""

import hashlib
from typing import NamedTuple

# A caller who names requests wants to be able to send them again, whatever the setting for the
# others says.
HEADER_KEY_SECONDS_MIN = 24 * 3600


class IdempotencyKey(NamedTuple):
    key: bytes
    ttl_seconds: int


def idempotency_key_of(
    header: str, *, append_only: bool, body_sha256: bytes, ttl_seconds: int
) -> IdempotencyKey | None:
    """``idempotency_key`` is empty when there is none; ``keep_seconds`` 0 takes all as new."""
    if header:
        named = hashlib.sha256(b"Idempotency-Key: " + header.encode("utf-8", "replace"))
        return IdempotencyKey(named.digest(), max(ttl_seconds, HEADER_KEY_SECONDS_MIN))
    if append_only and ttl_seconds:
        return IdempotencyKey(body_sha256, ttl_seconds)
    return None
