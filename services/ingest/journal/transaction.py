"""One group's transaction: decided purely, by rows that the transaction itself finds to be true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from asyncpg import Connection, Record

from events.queries import load_queries
from protocol.refusals import Refusal
from services.ingest.admission import Token, admit
from services.ingest.beliefs import Beliefs
from services.ingest.in_flight import unavailable
from services.ingest.journal.group import (
    Arrivals,
    Candidate,
    believed_columns,
    columns,
)
from services.ingest.journal.push_lines import PushLines
from services.ingest.journal.tally import Tally
from services.runtime.clock import Clock
from services.runtime.database import AWAY

# None: taken, and durable.
Outcome: TypeAlias = Refusal | None

# How often a group is decided anew because a token changed between two trips to the database.
TRIPS_MAX = 5


class OutcomeUnknown(Exception):
    """The connection broke under the transaction: the group is durable, or it is gone."""


class GroupTransaction:
    def __init__(self, beliefs: Beliefs, lines: PushLines, *, clock: Clock) -> None:
        self.tally = Tally()
        self._lines = lines
        self._clock = clock
        self._queries = load_queries("services.ingest")
        self._arrivals = Arrivals()
        self._beliefs = beliefs

    async def prepare(self, connection: Connection[Record]) -> None:
        """Once for a new connection. A group of nobody makes the statement known on it."""
        await connection.execute(self._queries["prepare_writer"])
        await self._was_true(connection, [], [])

    async def commit(
        self, connection: Connection[Record], candidates: Sequence[Candidate]
    ) -> list[Outcome]:
        """Each candidate's outcome, now on disk.

        Raises OutcomeUnknown when the connection broke; whatever else it raises, nothing was
        taken.
        """
        began = self._clock.monotonic()
        for _ in range(TRIPS_MAX):
            outcomes, admitted = self._decide(candidates)
            try:
                was_true = await self._was_true(connection, candidates, admitted)
            except AWAY as error:
                raise OutcomeUnknown from error
            if was_true:
                break
        else:
            return [unavailable()] * len(candidates)
        self.tally.add(
            requests=len(candidates),
            refused=len(candidates) - len(admitted),
            records=sum(candidate.checked.records for _, candidate in admitted),
            body_bytes=sum(candidate.body_bytes for _, candidate in admitted),
            seconds=self._clock.monotonic() - began,
        )
        return outcomes

    def _decide(
        self, candidates: Sequence[Candidate]
    ) -> tuple[list[Outcome], list[tuple[Token, Candidate]]]:
        outcomes: list[Outcome] = []
        admitted: list[tuple[Token, Candidate]] = []
        for candidate in candidates:
            token = self._beliefs.of(candidate.token_hash)
            refusal = admit(token, candidate.checked)
            outcomes.append(refusal)
            if refusal is None and token is not None:
                admitted.append((token, candidate))
        return outcomes, admitted

    async def _was_true(
        self,
        connection: Connection[Record],
        candidates: Sequence[Candidate],
        admitted: Sequence[tuple[Token, Candidate]],
    ) -> bool:
        """True when what was decided rests on the rows as they are, and so is committed.

        Otherwise nothing happened, but that the rows are known better now.
        """
        hashes = list({candidate.token_hash for candidate in candidates})
        now = self._clock.now()
        received = [self._arrivals.next(now) for _ in admitted]
        believed = believed_columns((each, self._beliefs.of(each)) for each in hashes)
        batch_ids, *others = columns(admitted, received)
        rows = await connection.fetch(self._queries["commit_group"], *believed, batch_ids, *others)
        if rows[0]["log_size"] is None:
            self._beliefs.learn((row["token_hash"], _token(row)) for row in rows)
            return False
        if admitted:
            self._lines.accepted(admitted, batch_ids, received)
        return True


def _token(row: Record) -> Token | None:
    if row["token_id"] is None:
        return None
    return Token(row["token_id"], row["integration_id"], row["client_id"], row["state"])
