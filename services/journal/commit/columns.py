"""One group as the arguments of ``journal.commit_group``: an array for each column. No I/O.

The names here are those of the SQL function's parameters; README.md says what each holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from events.ids import BatchId
from services.journal.candidates import Candidate, TokenRow

Admitted: TypeAlias = Sequence[tuple[TokenRow, Candidate]]

_MICROSECOND = timedelta(microseconds=1)
# The row of a token that does not exist.
_NO_TOKEN = (None, None, None, None)


class ReceiptTimes:
    """Assigns times of receipt that only grow, whatever the clock does (design section 5)."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def next(self, now: datetime, count: int) -> list[datetime]:
        """One for each of ``count`` requests, a microsecond apart."""
        first = now if now > self._last else self._last + _MICROSECOND
        times = [first + place * _MICROSECOND for place in range(count)]
        self._last = times[-1] if times else self._last
        return times


class TokenColumns(NamedTuple):
    """``$1`` to ``$5``: the token rows that the decisions rest on, one for each token."""

    hashes: Sequence[bytes]
    token_ids: Sequence[int | None]
    integration_ids: Sequence[int | None]
    client_ids: Sequence[int | None]
    states: Sequence[str | None]


class BatchColumns(NamedTuple):
    """``$6`` to ``$19``: what is written if the token rows are true, one for each request.

    Most are array literals: asyncpg takes longer to encode a list element by element than it takes
    to write the literal here.
    """

    batch_ids: str
    integration_ids: str
    token_ids: str
    endpoints: str
    # An array literal for each request: unnest would flatten an array of arrays.
    tables: list[str]
    table_records: str
    records: str
    body_bytes: str
    body_sha256s: list[bytes]
    # Of the first request; each that follows was received a microsecond later.
    received_at: datetime | None
    peers: str
    request_ids: str
    media_types: str
    bodies: list[bytes]


class IdempotencyColumns(NamedTuple):
    """``$20`` and ``$21`` of ``journal.commit_group_once``; NULL for a request without a key."""

    keys: list[bytes | None]
    ttl_seconds: str


class FirstBatchColumns(NamedTuple):
    """The arguments of the statement ``first_batches``."""

    integration_ids: list[int]
    endpoints: list[str]
    keys: list[bytes | None]


def token_columns(tokens: Iterable[tuple[bytes, TokenRow | None]]) -> TokenColumns:
    rows = [(token_hash, *(token or _NO_TOKEN)) for token_hash, token in tokens]
    return TokenColumns(*([row[n] for row in rows] for n in range(1 + len(_NO_TOKEN))))


def batch_columns(
    admitted: Admitted, batch_ids: Sequence[BatchId], received: Sequence[datetime]
) -> BatchColumns:
    candidates = [candidate for _, candidate in admitted]
    tables = [candidate.validated.tables for candidate in candidates]
    return BatchColumns(
        batch_ids=_array_literal([each.hex for each in batch_ids]),
        integration_ids=_array_literal([str(token.integration_id) for token, _ in admitted]),
        token_ids=_array_literal([str(token.token_id) for token, _ in admitted]),
        endpoints=_array_literal([candidate.endpoint for candidate in candidates]),
        tables=[_quoted_array_literal([name for name, _ in each]) for each in tables],
        table_records=_quoted_array_literal(
            [_array_literal([str(records) for _, records in each]) for each in tables]
        ),
        records=_array_literal([str(candidate.validated.records) for candidate in candidates]),
        body_bytes=_array_literal([str(candidate.body_bytes) for candidate in candidates]),
        body_sha256s=[candidate.body_sha256 for candidate in candidates],
        received_at=received[0] if received else None,
        peers=_quoted_array_literal([candidate.peer for candidate in candidates]),
        request_ids=_quoted_array_literal([candidate.request_id for candidate in candidates]),
        media_types=_array_literal([candidate.media_type for candidate in candidates]),
        bodies=[candidate.body for candidate in candidates],
    )


def idempotency_columns(admitted: Admitted) -> IdempotencyColumns:
    keys = [candidate.idempotency_key for _, candidate in admitted]
    return IdempotencyColumns(
        keys=[None if each is None else each.key for each in keys],
        ttl_seconds=_array_literal(
            ["NULL" if each is None else str(each.ttl_seconds) for each in keys]
        ),
    )


def first_batch_columns(admitted: Admitted) -> FirstBatchColumns:
    return FirstBatchColumns(
        integration_ids=[token.integration_id for token, _ in admitted],
        endpoints=[candidate.endpoint for _, candidate in admitted],
        keys=idempotency_columns(admitted).keys,
    )


def _array_literal(elements: Sequence[str]) -> str:
    """For numbers, and for words of our own."""
    return "{" + ",".join(elements) + "}"


def _quoted_array_literal(elements: Sequence[str | None]) -> str:
    """For any text: every element is quoted and escaped."""
    return "{" + ",".join([_quoted(element) for element in elements]) + "}"


def _quoted(element: str | None) -> str:
    if element is None:
        return "NULL"
    if "\\" in element or '"' in element:
        element = element.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{element}"'
