"""One group's transaction: who may, decided under the locks; then one write; then the commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from asyncpg import Connection, Record

from events.ids import BatchId
from events.queries import load_queries
from protocol.refusals import Refusal
from services.ingest.admission import Token, admit
from services.ingest.journal.group import Arrivals, Candidate, columns
from services.ingest.journal.push_lines import PushLines
from services.ingest.journal.tally import Tally
from services.runtime.clock import Clock
from services.runtime.database import AWAY

# None: taken, and durable.
Outcome: TypeAlias = Refusal | None


class OutcomeUnknown(Exception):
    """The COMMIT was sent and its answer never came: the group is durable, or it is gone."""


class GroupTransaction:
    def __init__(self, clock: Clock, lines: PushLines) -> None:
        self.tally = Tally()
        self._lines = lines
        self._clock = clock
        self._queries = load_queries("services.ingest")
        self._arrivals = Arrivals()

    async def prepare(self, connection: Connection[Record]) -> None:
        """Once for a new connection."""
        await connection.execute(self._queries["prepare_writer"])

    async def commit(
        self, connection: Connection[Record], candidates: Sequence[Candidate]
    ) -> list[Outcome]:
        """Each candidate's outcome, now on disk.

        Raises OutcomeUnknown when the connection broke during the COMMIT; whatever else it raises,
        nothing was taken.
        """
        began = self._clock.monotonic()
        transaction = connection.transaction()
        await transaction.start()
        batch_ids: list[BatchId] = []
        received: list[datetime] = []
        try:
            outcomes, admitted, log_size = await self._decide(connection, candidates)
            if admitted:
                now = self._clock.now()
                received = [self._arrivals.next(now) for _ in admitted]
                batch_ids, *others = columns(admitted, received, log_size)
                await connection.execute(self._queries["write_group"], batch_ids, *others)
        except BaseException:
            if not connection.is_closed():
                await transaction.rollback()
            raise
        try:
            await transaction.commit()
        except AWAY as error:
            raise OutcomeUnknown from error
        self._lines.accepted(admitted, batch_ids, received)
        self.tally.add(
            requests=len(candidates),
            refused=len(candidates) - len(admitted),
            records=sum(candidate.checked.records for _, candidate in admitted),
            body_bytes=sum(candidate.body_bytes for _, candidate in admitted),
            seconds=self._clock.monotonic() - began,
        )
        return outcomes

    async def _decide(
        self, connection: Connection[Record], candidates: Sequence[Candidate]
    ) -> tuple[list[Outcome], list[tuple[Token, Candidate]], int]:
        """Under the integrations' locks, which the transaction holds until its end."""
        rows = await connection.fetch(
            self._queries["open_group"], list({candidate.token_hash for candidate in candidates})
        )
        tokens = {row[0]: Token(row[1], row[2], row[3], row[4]) for row in rows}
        outcomes: list[Outcome] = []
        admitted: list[tuple[Token, Candidate]] = []
        for candidate in candidates:
            token = tokens.get(candidate.token_hash)
            refusal = admit(token, candidate.checked)
            outcomes.append(refusal)
            if refusal is None and token is not None:
                admitted.append((token, candidate))
        return outcomes, admitted, rows[0]["log_size"] if rows else 0
