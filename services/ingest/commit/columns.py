"""What one group transaction holds, as the columns of its one write. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from events.ids import BatchId
from protocol.validation import Validated
from services.ingest.admission import Token
from services.ingest.idempotency import IdempotencyKey

EndpointName = Literal["push", "batch"]

_MICROSECOND = timedelta(microseconds=1)
# How a token that is believed not to exist looks among those that do.
_NO_TOKEN = (None, None, None, None)


@dataclass(slots=True, eq=False)
class Candidate:
    """A request that passed every check that needs no database, ready to be written.

    ``body`` is compressed; ``body_bytes`` and ``body_sha256`` are of what was parsed.
    """

    token_hash: bytes
    endpoint: EndpointName
    validated: Validated
    media_type: str
    body: bytes
    body_bytes: int
    body_sha256: bytes
    peer: str | None
    request_id: str | None = None
    idempotency_key: IdempotencyKey | None = None


class ReceiptTimes:
    """Gives out times of receipt that only grow, whatever the clock does (design section 5)."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def next(self, now: datetime, count: int) -> list[datetime]:
        """One for each of ``count`` requests, a microsecond apart."""
        first = now if now > self._last else self._last + _MICROSECOND
        given_out = [first + place * _MICROSECOND for place in range(count)]
        self._last = given_out[-1] if given_out else self._last
        return given_out


def cached_token_columns(
    tokens: Iterable[tuple[bytes, Token | None]],
) -> tuple[Sequence[Any], ...]:
    """The first arguments of ``commit_group``: what the decisions rest on."""
    rows = [(token_hash, *(token or _NO_TOKEN)) for token_hash, token in tokens]
    return tuple([row[n] for row in rows] for n in range(1 + len(_NO_TOKEN)))


def batch_columns(
    admitted: Sequence[tuple[Token, Candidate]],
    batch_ids: Sequence[BatchId],
    received: Sequence[datetime],
) -> tuple[Any, ...]:
    """The other arguments of ``commit_group``: what is written if the decisions stand.

    Most are array literals: the driver looks at every element of a list for longer than it takes
    to write it down here.
    """
    candidates = [candidate for _, candidate in admitted]
    tables = [candidate.validated.tables for candidate in candidates]
    return (
        _array_literal([each.hex for each in batch_ids]),
        _array_literal([str(token.integration_id) for token, _ in admitted]),
        _array_literal([str(token.token_id) for token, _ in admitted]),
        _array_literal([candidate.endpoint for candidate in candidates]),
        [_quoted_array_literal([name for name, _ in each]) for each in tables],
        _quoted_array_literal(
            [_array_literal([str(records) for _, records in each]) for each in tables]
        ),
        _array_literal([str(candidate.validated.records) for candidate in candidates]),
        _array_literal([str(candidate.body_bytes) for candidate in candidates]),
        [candidate.body_sha256 for candidate in candidates],
        received[0] if received else None,
        _quoted_array_literal([candidate.peer for candidate in candidates]),
        _quoted_array_literal([candidate.request_id for candidate in candidates]),
        _array_literal([candidate.media_type for candidate in candidates]),
        [candidate.body for candidate in candidates],
    )


def idempotency_key_columns(admitted: Sequence[tuple[Token, Candidate]]) -> tuple[Any, ...]:
    """The last arguments of ``commit_group_once``."""
    repeatables = [candidate.idempotency_key for _, candidate in admitted]
    return (
        [None if each is None else each.key for each in repeatables],
        _array_literal(["NULL" if each is None else str(each.ttl_seconds) for each in repeatables]),
    )


def idempotency_lookup_columns(admitted: Sequence[tuple[Token, Candidate]]) -> tuple[Any, ...]:
    """What ``repeats_of`` looks for."""
    return (
        [token.integration_id for token, _ in admitted],
        [candidate.endpoint for _, candidate in admitted],
        idempotency_key_columns(admitted)[0],
    )


def _array_literal(elements: Sequence[str]) -> str:
    """Of numbers, and of words that are ours."""
    return "{" + ",".join(elements) + "}"


def _quoted_array_literal(elements: Sequence[str | None]) -> str:
    """Of anything: no element can be read as anything else."""
    return "{" + ",".join([_quoted(element) for element in elements]) + "}"


def _quoted(element: str | None) -> str:
    if element is None:
        return "NULL"
    if "\\" in element or '"' in element:
        element = element.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{element}"'
