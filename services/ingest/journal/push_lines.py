"""One log line for every push, written together by a thread: none of it is on a push's way."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from events.ids import BatchId
from protocol.refusals import Refusal
from services.ingest.admission import Token
from services.ingest.journal.group import Candidate
from services.runtime.clock import Clock
from services.runtime.logs import Log, write_lines

LINES_SECONDS = 1.0
# Of pushes in that time; the rest is counted, and stands in the metrics like all others.
LINES_MAX = 20_000


class PushLines:
    """Of a push nothing is kept here but what its line tells: no body, no token."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accepted: list[tuple[Any, ...]] = []
        self._refused: list[tuple[Any, ...]] = []
        self._dropped = 0
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    def accepted(
        self,
        admitted: Sequence[tuple[Token, Candidate]],
        batch_ids: Sequence[BatchId],
        received: Sequence[datetime],
    ) -> None:
        for (token, candidate), batch_id, moment in zip(admitted, batch_ids, received, strict=True):
            self._keep(
                self._accepted,
                moment,
                batch_id,
                candidate.request_id,
                candidate.endpoint,
                token.integration_id,
                token.token_id,
                candidate.checked.records,
                candidate.body_bytes,
            )

    def refused(self, refusal: Refusal, *, endpoint: str, request_id: str | None) -> None:
        now = self._clock.now()
        self._keep(self._refused, now, request_id, endpoint, refusal.status, refusal.code)

    def _keep(self, lines: list[tuple[Any, ...]], *line: Any) -> None:
        if len(lines) >= LINES_MAX:
            self._dropped += 1
            return
        lines.append(line)
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(LINES_SECONDS, self._begin_to_write, loop)

    def _begin_to_write(self, loop: asyncio.AbstractEventLoop) -> None:
        self._writing = loop.run_in_executor(None, self.write)

    def write(self) -> None:
        """What was kept until now; to be called in a thread."""
        self._due = None
        accepted, self._accepted = self._accepted, []
        refused, self._refused = self._refused, []
        dropped, self._dropped = self._dropped, 0
        write_lines("batch.accepted", "info", map(_accepted_line, accepted))
        write_lines("batch.refused", "info", map(_refused_line, refused))
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


def _accepted_line(line: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(_ACCEPTED, line, strict=True))


def _refused_line(line: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(_REFUSED, line, strict=True))
