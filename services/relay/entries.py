"""From a checked request to the entry of an outbox that a delivery sends as it is."""

import hashlib

from protocol.validation import Validated
from pushgate_client import Entry
from services.runtime.clock import Clock

# Longer names stand in the outbox as their digests: they only tell which entries keep their order.
NAME_CHARACTERS_MAX = 64


def entry_of(
    endpoint: str,
    body: bytes,
    media_type: str,
    checked: Validated,
    clock: Clock,
    *,
    idempotency_key: str = "",
) -> Entry:
    """In order within its tables where sequences alone don't decide: as with a version switch.

    ``idempotency_key``: the header as it came. Bytes in it that are no UTF-8 are alike to the gate,
    and become alike here.
    """
    return Entry(
        endpoint=endpoint,
        tables=tuple(_short(name) for name, _ in checked.tables),
        body=body,
        records=checked.records,
        created=int(clock.now().timestamp() * 1e9),
        media_type=media_type,
        sequences=checked.sequences,
        idempotency_key=idempotency_key.strip().encode("utf-8", "replace").decode(),
    )


def _short(name: str) -> str:
    if len(name) <= NAME_CHARACTERS_MAX:
        return name
    return "sha256:" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
