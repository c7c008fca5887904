"""Statistics of the groups committed in the last second: one log line and a few metric updates."""

import asyncio

from services.runtime.logs import Log
from services.runtime.metrics import (
    INGEST_COMMIT_SECONDS,
    INGEST_GROUP_REQUESTS,
    INGEST_RECORDS,
)

LOG_SECONDS = 1.0


class GroupStats:
    """Groups are committed up to hundreds of times a second; the log gets one line a second."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._reset()

    def _reset(self) -> None:
        self._groups = self._requests = self._refused = self._records = self._bytes = 0
        self._slowest_seconds = 0.0

    def add(
        self, *, requests: int, refused: int, records: int, body_bytes: int, seconds: float
    ) -> None:
        INGEST_GROUP_REQUESTS.observe(requests)
        INGEST_COMMIT_SECONDS.observe(seconds)
        INGEST_RECORDS.inc(records)
        self._groups += 1
        self._requests += requests
        self._refused += refused
        self._records += records
        self._bytes += body_bytes
        self._slowest_seconds = max(self._slowest_seconds, seconds)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOG_SECONDS, self.flush)

    def flush(self) -> None:
        """Writes a line, unless no group was added since the last one."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        Log().info(
            "group.committed",
            groups=self._groups,
            requests=self._requests,
            refused=self._refused,
            records=self._records,
            bytes=self._bytes,
            milliseconds=round(self._slowest_seconds * 1000, 1),
        )
        self._reset()
