"""One log line for every push, written together by a thread: none of it is on a push's way."""

import asyncio
from collections.abc import Iterator, Sequence
from contextvars import copy_context
from datetime import datetime
from typing import Any, TypeAlias

from events.ids import BatchId
from protocol.refusals import Refusal
from services.ingest.admission import Token
from services.ingest.journal.group import Candidate
from services.runtime.clock import Clock
from services.runtime.logs import Log, write_lines

LINES_SECONDS = 1.0
# Of pushes in that time; the rest is counted, and stands in the metrics like all others.
LINES_MAX = 20_000

Line: TypeAlias = tuple[Any, ...]


class PushLines:
    """Of a push nothing is kept here but what its line tells: no body, no token."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accepted: list[Line] = []
        self._refused: list[Line] = []
        self._dropped = 0
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    def accepted(
        self,
        admitted: Sequence[tuple[Token, Candidate]],
        batch_ids: Sequence[BatchId],
        received: Sequence[datetime],
    ) -> None:
        self._keep(
            self._accepted,
            [
                (
                    moment,
                    batch_id,
                    candidate.request_id,
                    candidate.endpoint,
                    token.integration_id,
                    token.token_id,
                    candidate.checked.records,
                    candidate.body_bytes,
                )
                for (token, candidate), batch_id, moment in zip(
                    admitted, batch_ids, received, strict=True
                )
            ],
        )

    def refused(self, refusal: Refusal, *, endpoint: str, request_id: str | None) -> None:
        now = self._clock.now()
        self._keep(self._refused, [(now, request_id, endpoint, refusal.status, refusal.code)])

    def _keep(self, lines: list[Line], more: Sequence[Line]) -> None:
        room = LINES_MAX - len(lines)
        lines += more[:room]
        self._dropped += len(more[room:])
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(LINES_SECONDS, self._begin_to_write, loop)

    def _begin_to_write(self, loop: asyncio.AbstractEventLoop) -> None:
        # With the context: it holds what is bound to every line.
        self._writing = loop.run_in_executor(None, copy_context().run, _write, *self._taken())

    def write(self) -> None:
        """What was kept until now, in the caller's thread."""
        _write(*self._taken())

    def _taken(self) -> tuple[list[Line], list[Line], int]:
        self._due = None
        taken = self._accepted, self._refused, self._dropped
        self._accepted, self._refused, self._dropped = [], [], 0
        return taken


def _write(accepted: list[Line], refused: list[Line], dropped: int) -> None:
    write_lines("batch.accepted", "info", _named(_ACCEPTED, accepted))
    write_lines("batch.refused", "info", _named(_REFUSED, refused))
    if dropped:
        Log().warning("lines.dropped", lines=dropped)


_ACCEPTED = (
    "timestamp",
    "batch_id",
    "request_id",
    "endpoint",
    "integration_id",
    "token_id",
    "records",
    "bytes",
)
_REFUSED = ("timestamp", "request_id", "endpoint", "status", "code")


def _named(names: Sequence[str], lines: list[Line]) -> Iterator[dict[str, Any]]:
    return (dict(zip(names, line, strict=True)) for line in lines)
