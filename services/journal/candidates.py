"""What ingest hands to a journal: candidates for acceptance, and the token rows that admit them."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from protocol.refusals import Refusal
from protocol.validation import Validated


class TokenRow(NamedTuple):
    """A row of ``tokens.active_tokens``; ``state`` is the integration's.

    ``client_id`` is None only in UNVERIFIED (services/ingest/admission.py).
    """

    token_id: int
    integration_id: int
    client_id: int | None
    state: str


class IdempotencyKey(NamedTuple):
    """32 bytes that identify a request among those of its integration and endpoint.

    A journal remembers it for ``ttl_seconds`` from the receipt of the first request.
    """

    key: bytes
    ttl_seconds: int


@dataclass(slots=True, eq=False)
class Candidate:
    """A request that passed every check that needs no database, ready to be committed.

    ``endpoint`` is "push" or "batch". ``body`` is compressed (bodies.py); ``body_bytes`` and
    ``body_sha256`` are those of the body as it was parsed. ``idempotency_key`` is None for a
    request that is accepted every time it is sent.
    """

    token_hash: bytes
    endpoint: str
    validated: Validated
    media_type: str
    body: bytes
    body_bytes: int
    body_sha256: bytes
    peer: str | None
    request_id: str | None = None
    idempotency_key: IdempotencyKey | None = None


# None: accepted and durable.
CommitOutcome: TypeAlias = Refusal | None
