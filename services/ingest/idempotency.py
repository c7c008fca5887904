"""By what a request is known again when it comes a second time (wire contract 4.7). Pure.

Records with keys need nothing of this: their sequence decides, and the same one changes nothing. A
request that names itself by an ``Idempotency-Key`` is known by that alone; one without keys by its
bytes, because target-stitch sends the same again when it has not heard an answer.
"""

import hashlib
from typing import NamedTuple

# A caller who names requests wants to be able to send them again, whatever the setting for the
# others says.
NAMED_SECONDS_MIN = 24 * 3600


class Repeatable(NamedTuple):
    known_by: bytes
    keep_seconds: int


def repeatable(
    idempotency_key: str, *, append_only: bool, body_sha256: bytes, keep_seconds: int
) -> Repeatable | None:
    """``idempotency_key`` is empty when there is none; ``keep_seconds`` 0 takes all as new."""
    if idempotency_key:
        named = hashlib.sha256(b"Idempotency-Key: " + idempotency_key.encode("utf-8", "replace"))
        return Repeatable(named.digest(), max(keep_seconds, NAMED_SECONDS_MIN))
    if append_only and keep_seconds:
        return Repeatable(body_sha256, keep_seconds)
    return None
