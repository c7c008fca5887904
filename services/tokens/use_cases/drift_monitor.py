"""The drift monitor: compares the projections with the log, periodically."""

from __future__ import annotations

import asyncio

import asyncpg

from events.replay import LOG, Comparison, Projection, compare
from services.runtime.clock import Clock, wait_for
from services.runtime.config import Secret
from services.runtime.database import AWAY, connect
from services.runtime.logs import Log
from services.runtime.metrics import TOKENS_DRIFT_LOOKED_SECONDS, TOKENS_DRIFT_ROWS

PROJECTIONS = tuple(
    Projection("services.tokens", table)
    for table in (
        "accounts",
        "connect_tokens",
        "members",
        "integrations",
        "schema_names",
        "active_tokens",
        "retired_tokens",
    )
)
# Compared with the log: each live table with its fold, and the log's own columns with the texts
# that they were taken from.
REPLAYED = (LOG, *PROJECTIONS)

REST_SECONDS_MIN = 300.0
# At most a fiftieth of one processor's time, however long the log is.
REST_FACTOR = 50
CHECK_SECONDS_MAX = 600.0


class DriftMonitor:
    def __init__(
        self,
        database_url: str | Secret,
        clock: Clock,
        *,
        rest_seconds_min: float = REST_SECONDS_MIN,
    ) -> None:
        self._database_url = database_url
        self._clock = clock
        self._rest_seconds_min = rest_seconds_min

    async def run(self, stopping: asyncio.Event) -> None:
        rest = self._rest_seconds_min
        while not await wait_for(stopping, rest):
            began = self._clock.monotonic()
            try:
                await self.check()
            except (*AWAY, asyncpg.PostgresError) as error:
                Log().warning("drift.unknown", reason=repr(error))
            rest = max(self._rest_seconds_min, REST_FACTOR * (self._clock.monotonic() - began))

    async def check(self) -> None:
        """In one snapshot, over a connection of its own, so that no request waits for it."""
        connection = await connect(
            self._database_url,
            application_name="pushgate tokens drift",
            command_seconds_max=CHECK_SECONDS_MAX,
        )
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                comparison = await compare(connection, REPLAYED)
        finally:
            await connection.close(timeout=2)
        self._report(comparison)

    def _report(self, comparison: Comparison) -> None:
        rows = {*comparison.only_in_fold, *comparison.only_in_table}
        TOKENS_DRIFT_ROWS.set(len(rows))
        TOKENS_DRIFT_LOOKED_SECONDS.set(self._clock.now().timestamp())
        if rows:
            tables = sorted({row.table for row in rows})
            Log().error("drift.found", rows=len(rows), tables=tables, size=comparison.size)
