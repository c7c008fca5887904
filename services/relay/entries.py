"""Outbox entries: a validated request becomes an entry that a delivery sends unchanged."""

import hashlib

from protocol.validation import Validated
from pushgate_client import Entry
from services.runtime.clock import Clock

# Longer table names are stored as digests: they only serve to keep entries of a table in order.
NAME_CHARACTERS_MAX = 64


def entry_of(
    endpoint: str,
    body: bytes,
    media_type: str,
    validated: Validated,
    clock: Clock,
    *,
    idempotency_key: str = "",
) -> Entry:
    """Entries of one table stay in order unless sequences alone decide between them.

    ``idempotency_key`` is the header as received. Bytes that are not UTF-8 become replacement
    characters, as the gate does not distinguish them either.
    """
    return Entry(
        endpoint=endpoint,
        tables=tuple(_short(name) for name, _ in validated.tables),
        body=body,
        records=validated.records,
        created=int(clock.now().timestamp() * 1e9),
        media_type=media_type,
        sequences=validated.sequences,
        idempotency_key=idempotency_key.strip().encode("utf-8", "replace").decode(),
    )


def _short(name: str) -> str:
    if len(name) <= NAME_CHARACTERS_MAX:
        return name
    return "sha256:" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
