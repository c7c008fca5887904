"""The access log: one line for every push, rendered in batches and written by a thread."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from events.ids import BatchId
from protocol.refusals import Refusal
from services.ingest.admission import TokenOwner
from services.journal.candidates import Candidate, TokenRow
from services.runtime.clock import Clock
from services.runtime.logs import Log, LogEvent, render_lines, write_rendered

WRITE_SECONDS = 1.0
# In that time. Further lines are dropped and counted; the metrics count every push.
LINES_MAX = 20_000


class AccessLog:
    """Keeps only the rendered lines: no body and no token."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self._texts: list[bytes] = []
        self._lines_left = LINES_MAX
        self._dropped = 0

    def accepted(
        self,
        admitted: Sequence[tuple[TokenRow, Candidate]],
        batch_ids: Sequence[BatchId],
        received: Sequence[datetime],
    ) -> None:
        self._append(
            "batch.accepted",
            [
                {
                    "timestamp": moment,
                    "batch_id": batch_id,
                    "request_id": candidate.request_id,
                    "endpoint": candidate.endpoint,
                    "integration_id": token.integration_id,
                    "token_id": token.token_id,
                    "records": candidate.validated.records,
                    "bytes": candidate.body_bytes,
                }
                for (token, candidate), batch_id, moment in zip(
                    admitted, batch_ids, received, strict=True
                )
            ],
        )

    def repeated(self, token: TokenRow, candidate: Candidate, first_batch_id: UUID) -> None:
        line = {
            "timestamp": self._clock.now(),
            "batch_id": str(first_batch_id),
            "request_id": candidate.request_id,
            "endpoint": candidate.endpoint,
            "integration_id": token.integration_id,
            "token_id": token.token_id,
        }
        self._append("batch.repeated", [line])

    def refused(
        self, refusal: Refusal, *, endpoint: str, request_id: str | None, owner: TokenOwner
    ) -> None:
        line = {
            "timestamp": self._clock.now(),
            "request_id": request_id,
            "endpoint": endpoint,
            "integration_id": owner.integration_id,
            "token_id": owner.token_id,
            "status": refusal.status,
            "code": refusal.code,
        }
        self._append("batch.refused", [line])

    def _append(self, event: LogEvent, lines: Sequence[dict[str, Any]]) -> None:
        written = lines[: self._lines_left]
        self._lines_left -= len(written)
        self._dropped += len(lines) - len(written)
        if written:
            self._texts.append(render_lines(event, "info", written))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WRITE_SECONDS, self._start_write, loop)

    def _start_write(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if text := self._take_text():
            self._writing = loop.run_in_executor(None, write_rendered, text)

    def write(self) -> None:
        """Writes the lines appended until now, in the caller's thread."""
        if text := self._take_text():
            write_rendered(text)

    def _take_text(self) -> bytes:
        if self._dropped:
            Log().warning("access_log.dropped", lines=self._dropped)
        text = b"".join(self._texts)
        self._reset()
        return text
