"""One group's transaction: decided purely, by rows that the transaction itself finds to be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg
from asyncpg import Connection, Record

from events.ids import BatchId, new_batch_ids
from events.sql_files import load_queries
from protocol.refusals import Refusal
from protocol.refusals.edge import IdempotencyKeyReused
from services.ingest.admission import Token, admit
from services.ingest.commit.columns import (
    Arrivals,
    Candidate,
    believed_columns,
    columns,
    places_of,
    repeat_columns,
)
from services.ingest.commit.group_stats import Tally
from services.ingest.reporting.access_log import PushLines
from services.ingest.reporting.usage_stats import Counts
from services.ingest.token_cache.cache import Beliefs
from services.receiving.memory_budget import unavailable
from services.runtime.clock import Clock
from services.runtime.database import AWAY

# None: taken, and durable.
Outcome: TypeAlias = Refusal | None

# How often a group is decided anew because a token changed between two trips to the database.
TRIPS_MAX = 5


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A group as it was decided and sent. Sent again, it can still be written only once."""

    outcomes: list[Outcome]
    admitted: list[tuple[Token, Candidate]]
    received: list[datetime]
    arguments: tuple[Any, ...]
    batch_ids: Sequence[BatchId]
    # Whether some of it may have been taken before.
    once: bool


class ConnectionBroke(Exception):
    """Under a transaction: the group is durable, or it is gone. ``settle`` finds out."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self.attempt = attempt


class GroupTransaction:
    def __init__(self, beliefs: Beliefs, lines: PushLines, counts: Counts, *, clock: Clock) -> None:
        self.tally = Tally()
        self._lines = lines
        self._counts = counts
        self._clock = clock
        self._queries = load_queries("services.ingest")
        self._arrivals = Arrivals()
        self._beliefs = beliefs

    async def prepare(self, connection: Connection[Record]) -> None:
        """Once for a new connection. Groups of nobody make the statements known on it."""
        await connection.execute(self._queries["prepare_writer"])
        nobody = self._attempt([])
        await self._send(connection, nobody)
        arguments = (*nobody.arguments, *repeat_columns([]))
        await self._send(connection, replace(nobody, once=True, arguments=arguments))

    async def commit(
        self, connection: Connection[Record], candidates: Sequence[Candidate]
    ) -> list[Outcome]:
        """Each candidate's outcome, now on disk.

        Raises ConnectionBroke; whatever else it raises, nothing was taken.
        """
        began = self._clock.monotonic()
        for _ in range(TRIPS_MAX):
            attempt = self._attempt(candidates)
            try:
                committed = await self._send(connection, attempt)
            except AWAY as error:
                raise ConnectionBroke(attempt) from error
            if committed is not None:
                self._count(committed, self._clock.monotonic() - began)
                return committed.outcomes
        return [unavailable()] * len(candidates)

    async def settle(self, connection: Connection[Record], attempt: Attempt) -> list[Outcome]:
        """What became of an attempt whose connection broke: its outcomes, or it was not taken.

        The same batch ids are sent again. Whatever the first transaction still does in the server,
        the unique index of the receipts lets only one of the two write: this one waits for it, and
        is refused if it committed. Raises ConnectionBroke again, or what Postgres says: then it
        may be asked again.
        """
        try:
            try:
                committed = await self._send(connection, attempt)
                # A token changed since. The first one let go of its lock on the integration before
                # that could happen, so it has ended: the receipts tell how.
                written = committed is not None or await connection.fetchval(
                    self._queries["is_written"], attempt.batch_ids
                )
            except asyncpg.UniqueViolationError:
                committed, written = None, True
            if not written:
                return [unavailable()] * len(attempt.outcomes)
            if committed is None:
                committed = await self._as_written(connection, attempt)
        except AWAY as error:
            raise ConnectionBroke(attempt) from error
        return committed.outcomes

    async def _as_written(self, connection: Connection[Record], attempt: Attempt) -> Attempt:
        """The attempt as the first transaction committed it, which nobody heard of."""
        rows = []
        if attempt.once:
            rows = await connection.fetch(self._queries["repeats_of"], *places_of(attempt.admitted))
        written = self._without_repeats(attempt, rows)
        self._tell(written)
        return written

    def _count(self, attempt: Attempt, seconds: float) -> None:
        self.tally.add(
            requests=len(attempt.outcomes),
            refused=sum(outcome is not None for outcome in attempt.outcomes),
            records=sum(candidate.checked.records for _, candidate in attempt.admitted),
            body_bytes=sum(candidate.body_bytes for _, candidate in attempt.admitted),
            seconds=seconds,
        )

    def _attempt(self, candidates: Sequence[Candidate]) -> Attempt:
        outcomes, admitted = self._decide(candidates)
        hashes = list({candidate.token_hash for candidate in candidates})
        now = self._clock.now()
        received = self._arrivals.next(now, len(admitted))
        batch_ids = new_batch_ids(int(now.timestamp() * 1000), len(admitted))
        believed = believed_columns((each, self._beliefs.of(each)) for each in hashes)
        arguments = (*believed, *columns(admitted, batch_ids, received))
        once = any(candidate.repeatable is not None for _, candidate in admitted)
        if once:
            arguments = (*arguments, *repeat_columns(admitted))
        return Attempt(outcomes, admitted, received, arguments, batch_ids=batch_ids, once=once)

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

    async def _send(self, connection: Connection[Record], attempt: Attempt) -> Attempt | None:
        """The attempt as it is committed: without what was taken before.

        None when what was decided did not rest on the rows as they are: then nothing happened,
        but that the rows are known better now.
        """
        query = "commit_group_once" if attempt.once else "commit_group"
        rows = await connection.fetch(self._queries[query], *attempt.arguments)
        if rows[0]["log_size"] is None:
            self._beliefs.learn((row["token_hash"], _token(row)) for row in rows)
            return None
        committed = self._without_repeats(attempt, rows[1:]) if rows[1:] else attempt
        if committed.admitted:
            self._tell(committed)
        return committed

    def _without_repeats(self, attempt: Attempt, repeats: Sequence[Record]) -> Attempt:
        """A repeat is answered as the first was, unless its key named another body then."""
        places = [place for place, outcome in enumerate(attempt.outcomes) if outcome is None]
        outcomes = list(attempt.outcomes)
        again = set()
        for row in repeats:
            place, first = row["repeat_place"] - 1, row["first_batch_id"]
            if first == attempt.batch_ids[place]:
                continue  # what this attempt wrote itself, before its connection broke
            again.add(place)
            token, candidate = attempt.admitted[place]
            if row["first_sha256"] == candidate.body_sha256:
                self._lines.repeated(token, candidate, first)
            else:
                outcomes[places[place]] = IdempotencyKeyReused()
        new = [place for place in range(len(attempt.admitted)) if place not in again]
        return replace(
            attempt,
            outcomes=outcomes,
            admitted=[attempt.admitted[place] for place in new],
            # The times are given out anew to those that are left.
            received=attempt.received[: len(new)],
            batch_ids=[attempt.batch_ids[place] for place in new],
        )

    def _tell(self, attempt: Attempt) -> None:
        """Of what is durable now."""
        self._lines.accepted(attempt.admitted, attempt.batch_ids, attempt.received)
        self._counts.used(
            (token, candidate.peer, moment)
            for (token, candidate), moment in zip(attempt.admitted, attempt.received, strict=True)
        )


def _token(row: Record) -> Token | None:
    if row["token_id"] is None:
        return None
    return Token(row["token_id"], row["integration_id"], row["client_id"], row["state"])
