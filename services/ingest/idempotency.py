"""Which requests are accepted only once, and by which key they are recognised (wire contract 4.7).

Records with keys need none of this: their sequence decides, and the same one changes nothing. A
request with an ``Idempotency-Key`` header is recognised by that alone; one without keys by the hash
of its body, because target-stitch sends the same bytes again if it got no response. Pure.
"""

import hashlib

from services.journal.candidates import IdempotencyKey

# A caller who names a request wants to be able to repeat it, whatever the setting for others.
HEADER_KEY_SECONDS_MIN = 24 * 3600


def idempotency_key_of(
    header: str, *, append_only: bool, body_sha256: bytes, ttl_seconds: int
) -> IdempotencyKey | None:
    """None: the request is accepted every time it is sent.

    ``header`` is empty if the request has none. ``ttl_seconds`` 0 disables recognition by the body.
    """
    if header:
        named = hashlib.sha256(b"Idempotency-Key: " + header.encode("utf-8", "replace"))
        return IdempotencyKey(named.digest(), max(ttl_seconds, HEADER_KEY_SECONDS_MIN))
    if append_only and ttl_seconds:
        return IdempotencyKey(body_sha256, ttl_seconds)
    return None
