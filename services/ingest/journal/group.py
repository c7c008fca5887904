"""What one group transaction holds, as the columns of its one write. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from events.ids import new_batch_ids
from protocol.shapes import Checked
from services.ingest.admission import Token

Endpoint = Literal["push", "batch"]

_MICROSECOND = timedelta(microseconds=1)
# How a token that is believed not to exist looks among those that do.
_NOBODY = (None, None, None, None)


@dataclass(slots=True, kw_only=True, eq=False)
class Candidate:
    """A request that passed every check that needs no database, ready to be written.

    ``body`` is compressed; ``body_bytes`` and ``body_sha256`` are of what was parsed.
    """

    token_hash: bytes
    endpoint: Endpoint
    checked: Checked
    media_type: str
    body: bytes
    body_bytes: int
    body_sha256: bytes
    peer: str | None
    request_id: str | None = None


class Arrivals:
    """Gives out times of receipt that only grow, whatever the clock does (design section 5)."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def next(self, now: datetime) -> datetime:
        self._last = now if now > self._last else self._last + _MICROSECOND
        return self._last


def believed_columns(
    believed: Iterable[tuple[bytes, Token | None]],
) -> tuple[Sequence[Any], ...]:
    """The first arguments of ``commit_group``: what the decisions rest on."""
    rows = [(token_hash, *(token or _NOBODY)) for token_hash, token in believed]
    return tuple([row[n] for row in rows] for n in range(1 + len(_NOBODY)))


def columns(
    admitted: Sequence[tuple[Token, Candidate]], received: Sequence[datetime]
) -> tuple[Sequence[Any], ...]:
    """The other arguments of ``commit_group``: what is written if the decisions stand."""
    candidates = [candidate for _, candidate in admitted]
    checked = [candidate.checked for candidate in candidates]
    milliseconds = int(received[0].timestamp() * 1000) if received else 0
    return (
        new_batch_ids(milliseconds, len(received)),
        [token.integration_id for token, _ in admitted],
        [token.token_id for token, _ in admitted],
        [candidate.endpoint for candidate in candidates],
        [_text_array([name for name, _ in each.tables]) for each in checked],
        [_int_array([records for _, records in each.tables]) for each in checked],
        [each.records for each in checked],
        [candidate.body_bytes for candidate in candidates],
        [candidate.body_sha256 for candidate in candidates],
        received,
        [candidate.peer for candidate in candidates],
        [candidate.request_id for candidate in candidates],
        [candidate.media_type for candidate in candidates],
        [candidate.body for candidate in candidates],
    )


def _int_array(numbers: Sequence[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _text_array(names: Sequence[str]) -> str:
    """An array literal: every element quoted, so that no name can be read as anything else."""
    quoted = '","'.join(name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return f'{{"{quoted}"}}'
