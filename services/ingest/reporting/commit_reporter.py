"""Reports committed requests: one line each in the access log, and the use of their tokens."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from events.ids import BatchId
from services.ingest.reporting.access_log import AccessLog
from services.ingest.reporting.usage_stats import UsageStats
from services.journal.candidates import Candidate, TokenRow


class CommitReporter:
    """Implements the journal's ``CommitObserver``."""

    def __init__(self, access_log: AccessLog, usage_stats: UsageStats) -> None:
        self._access_log = access_log
        self._usage_stats = usage_stats

    def committed(
        self,
        admitted: Sequence[tuple[TokenRow, Candidate]],
        batch_ids: Sequence[BatchId],
        received: Sequence[datetime],
    ) -> None:
        self._access_log.accepted(admitted, batch_ids, received)
        self._usage_stats.add_uses(
            (token, candidate.peer, moment)
            for (token, candidate), moment in zip(admitted, received, strict=True)
        )

    def repeated(self, token: TokenRow, candidate: Candidate, first_batch_id: UUID) -> None:
        self._access_log.repeated(token, candidate, first_batch_id)
