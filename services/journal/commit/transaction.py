"""The transaction of one group: admission is decided here, and verified by the database.

A group is decided by token rows that may be out of date. The database compares them with the true
rows under the locks that a revocation takes, and writes the group only if all are the same (design,
promise 2; README.md has the SQL function).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg
from asyncpg import Connection, Record

from events.ids import BatchId, new_batch_ids
from events.sql_files import load_queries
from protocol.refusals.edge import IdempotencyKeyReused, ServiceUnavailable
from services.journal.candidates import Candidate, CommitOutcome, TokenRow
from services.journal.commit.columns import (
    ReceiptTimes,
    batch_columns,
    first_batch_columns,
    idempotency_columns,
    token_columns,
)
from services.journal.commit.group_stats import GroupStats
from services.journal.interfaces import Admit, CommitObserver, TokenRows
from services.runtime.clock import Clock
from services.runtime.database import AWAY

# How often a group is decided again because a token row was out of date.
ATTEMPTS_MAX = 5


@dataclass(frozen=True, slots=True, eq=False)
class GroupAttempt:
    """A group as it was decided and sent. However often it is sent, it is written once at most.

    ``outcomes`` has one for each candidate; ``admitted``, ``received`` and ``batch_ids`` have one
    for each candidate with the outcome None, in the same order.
    """

    outcomes: list[CommitOutcome]
    admitted: list[tuple[TokenRow, Candidate]]
    received: list[datetime]
    arguments: tuple[Any, ...]
    batch_ids: Sequence[BatchId]
    # Whether a candidate has an idempotency key.
    idempotent: bool


class CommitInDoubt(Exception):
    """The connection broke under the commit: the group is durable, or nothing of it is stored.

    ``GroupTransaction.resolve`` finds out which, over another connection.
    """

    def __init__(self, attempt: GroupAttempt) -> None:
        super().__init__()
        self.attempt = attempt


class _StaleTokenRows(Exception):
    """The attempt rests on token rows that are out of date. Nothing was written."""


class GroupTransaction:
    def __init__(
        self, tokens: TokenRows, admit: Admit, observer: CommitObserver, *, clock: Clock
    ) -> None:
        self.stats = GroupStats()
        self._tokens = tokens
        self._admit = admit
        self._observer = observer
        self._clock = clock
        self._queries = load_queries("services.journal")
        self._receipt_times = ReceiptTimes()

    async def prepare(self, connection: Connection[Record]) -> None:
        """To be called once for a new connection: empty groups prepare its statements."""
        await connection.execute(self._queries["prepare_committer"])
        empty = self._decide([])
        await self._write(connection, empty)
        arguments = (*empty.arguments, *idempotency_columns([]))
        await self._write(connection, replace(empty, idempotent=True, arguments=arguments))

    async def commit(
        self, connection: Connection[Record], candidates: Sequence[Candidate]
    ) -> list[CommitOutcome]:
        """The outcome of each candidate; what was accepted is on disk.

        Raises CommitInDoubt; after any other exception nothing is stored.
        """
        began = self._clock.monotonic()
        for _ in range(ATTEMPTS_MAX):
            attempt = self._decide(candidates)
            try:
                committed = await self._write(connection, attempt)
            except _StaleTokenRows:
                continue
            except AWAY as error:
                raise CommitInDoubt(attempt) from error
            self._add_to_stats(committed, self._clock.monotonic() - began)
            return committed.outcomes
        return [ServiceUnavailable()] * len(candidates)

    async def resolve(
        self, connection: Connection[Record], attempt: GroupAttempt
    ) -> list[CommitOutcome]:
        """The outcomes of an attempt that was left in doubt.

        Raises CommitInDoubt again, or what PostgreSQL reports; either way it may be called again.
        """
        try:
            committed = await self._write_again(connection, attempt)
        except AWAY as error:
            raise CommitInDoubt(attempt) from error
        if committed is None:
            return [ServiceUnavailable()] * len(attempt.outcomes)
        return committed.outcomes

    async def _write_again(
        self, connection: Connection[Record], attempt: GroupAttempt
    ) -> GroupAttempt | None:
        """Sends the same batch ids again. None: no transaction stored them, and none will.

        The first transaction may still be running in the server. The unique index of the receipts
        lets only one of the two write: this one waits for the other, and fails if that committed.
        """
        try:
            return await self._write(connection, attempt)
        except asyncpg.UniqueViolationError:
            pass
        except _StaleTokenRows:
            # A token changed since. The change had to wait until the first transaction released its
            # lock on the integration; so that one has ended, and the receipts show how.
            if not await connection.fetchval(self._queries["is_committed"], attempt.batch_ids):
                return None
        return await self._committed_before(connection, attempt)

    async def _committed_before(
        self, connection: Connection[Record], attempt: GroupAttempt
    ) -> GroupAttempt:
        """The attempt as the first transaction committed it, without having been able to say so."""
        rows = []
        if attempt.idempotent:
            columns = first_batch_columns(attempt.admitted)
            rows = await connection.fetch(self._queries["first_batches"], *columns)
        committed = self._without_repeated(attempt, rows)
        self._observer.committed(committed.admitted, committed.batch_ids, committed.received)
        return committed

    def _add_to_stats(self, attempt: GroupAttempt, seconds: float) -> None:
        self.stats.add(
            requests=len(attempt.outcomes),
            refused=sum(outcome is not None for outcome in attempt.outcomes),
            records=sum(candidate.validated.records for _, candidate in attempt.admitted),
            body_bytes=sum(candidate.body_bytes for _, candidate in attempt.admitted),
            seconds=seconds,
        )

    def _decide(self, candidates: Sequence[Candidate]) -> GroupAttempt:
        outcomes, admitted = self._admit_all(candidates)
        hashes = list({candidate.token_hash for candidate in candidates})
        now = self._clock.now()
        received = self._receipt_times.next(now, len(admitted))
        batch_ids = new_batch_ids(int(now.timestamp() * 1000), len(admitted))
        tokens = token_columns((each, self._tokens.get(each)) for each in hashes)
        arguments: tuple[Any, ...] = (*tokens, *batch_columns(admitted, batch_ids, received))
        idempotent = any(candidate.idempotency_key is not None for _, candidate in admitted)
        if idempotent:
            arguments = (*arguments, *idempotency_columns(admitted))
        return GroupAttempt(
            outcomes, admitted, received, arguments, batch_ids=batch_ids, idempotent=idempotent
        )

    def _admit_all(
        self, candidates: Sequence[Candidate]
    ) -> tuple[list[CommitOutcome], list[tuple[TokenRow, Candidate]]]:
        outcomes: list[CommitOutcome] = []
        admitted: list[tuple[TokenRow, Candidate]] = []
        for candidate in candidates:
            token = self._tokens.get(candidate.token_hash)
            refusal = self._admit(token, candidate.validated)
            outcomes.append(refusal)
            if refusal is None and token is not None:
                admitted.append((token, candidate))
        return outcomes, admitted

    async def _write(self, connection: Connection[Record], attempt: GroupAttempt) -> GroupAttempt:
        """The attempt as it was committed: without the requests that were accepted before.

        Raises _StaleTokenRows, after it has learned the true rows.
        """
        query = "commit_group_idempotent" if attempt.idempotent else "commit_group"
        rows = await connection.fetch(self._queries[query], *attempt.arguments)
        if rows[0]["log_size"] is None:
            self._tokens.put((row["token_hash"], _token_row(row)) for row in rows)
            raise _StaleTokenRows
        committed = self._without_repeated(attempt, rows[1:]) if rows[1:] else attempt
        if committed.admitted:
            self._observer.committed(committed.admitted, committed.batch_ids, committed.received)
        return committed

    def _without_repeated(
        self, attempt: GroupAttempt, first_batches: Sequence[Record]
    ) -> GroupAttempt:
        """The attempt without requests that repeat an idempotency key.

        Such a request gets the outcome of the first one, or IdempotencyKeyReused if that had
        another body. ``first_batches`` names the first batch for the places of requests with a key.
        """
        candidate_places = [n for n, outcome in enumerate(attempt.outcomes) if outcome is None]
        outcomes = list(attempt.outcomes)
        repeated = set()
        for row in first_batches:
            place, first_batch_id = row["repeat_place"] - 1, row["first_batch_id"]
            if first_batch_id == attempt.batch_ids[place]:
                continue  # This attempt wrote it itself, before its connection broke.
            repeated.add(place)
            token, candidate = attempt.admitted[place]
            if row["first_sha256"] == candidate.body_sha256:
                self._observer.repeated(token, candidate, first_batch_id)
            else:
                outcomes[candidate_places[place]] = IdempotencyKeyReused()
        new = [place for place in range(len(attempt.admitted)) if place not in repeated]
        return replace(
            attempt,
            outcomes=outcomes,
            admitted=[attempt.admitted[place] for place in new],
            # The database assigns the times again, to the requests that are left.
            received=attempt.received[: len(new)],
            batch_ids=[attempt.batch_ids[place] for place in new],
        )


def _token_row(row: Record) -> TokenRow | None:
    if row["token_id"] is None:
        return None
    return TokenRow(row["token_id"], row["integration_id"], row["client_id"], row["state"])
