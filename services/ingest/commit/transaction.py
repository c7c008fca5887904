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
    Candidate,
    ReceiptTimes,
    batch_columns,
    cached_token_columns,
    idempotency_key_columns,
    idempotency_lookup_columns,
)
from services.ingest.commit.group_stats import GroupStats
from services.ingest.reporting.access_log import AccessLog
from services.ingest.reporting.usage_stats import UsageStats
from services.ingest.token_cache.cache import TokenCache
from services.receiving.memory_budget import unavailable
from services.runtime.clock import Clock
from services.runtime.database import AWAY

# None: taken, and durable.
CommitOutcome: TypeAlias = Refusal | None

# How often a group is decided anew because a token changed between two trips to the database.
ATTEMPTS_MAX = 5


@dataclass(frozen=True, slots=True, eq=False)
class GroupAttempt:
    """A group as it was decided and sent. Sent again, it can still be written only once."""

    outcomes: list[CommitOutcome]
    admitted: list[tuple[Token, Candidate]]
    received: list[datetime]
    arguments: tuple[Any, ...]
    batch_ids: Sequence[BatchId]
    # Whether some of it may have been taken before.
    idempotent: bool


class CommitInDoubt(Exception):
    """Under a transaction: the group is durable, or it is gone. ``settle`` finds out."""

    def __init__(self, attempt: GroupAttempt) -> None:
        super().__init__()
        self.attempt = attempt


class GroupTransaction:
    def __init__(
        self,
        token_cache: TokenCache,
        access_log: AccessLog,
        usage_stats: UsageStats,
        *,
        clock: Clock,
    ) -> None:
        self.stats = GroupStats()
        self._access_log = access_log
        self._usage_stats = usage_stats
        self._clock = clock
        self._queries = load_queries("services.ingest")
        self._receipt_times = ReceiptTimes()
        self._token_cache = token_cache

    async def prepare(self, connection: Connection[Record]) -> None:
        """Once for a new connection. Groups of nobody make the statements known on it."""
        await connection.execute(self._queries["prepare_committer"])
        empty = self._attempt([])
        await self._send(connection, empty)
        arguments = (*empty.arguments, *idempotency_key_columns([]))
        await self._send(connection, replace(empty, idempotent=True, arguments=arguments))

    async def commit(
        self, connection: Connection[Record], candidates: Sequence[Candidate]
    ) -> list[CommitOutcome]:
        """Each candidate's outcome, now on disk.

        Raises ConnectionBroke; whatever else it raises, nothing was taken.
        """
        began = self._clock.monotonic()
        for _ in range(ATTEMPTS_MAX):
            attempt = self._attempt(candidates)
            try:
                committed = await self._send(connection, attempt)
            except AWAY as error:
                raise CommitInDoubt(attempt) from error
            if committed is not None:
                self._record_stats(committed, self._clock.monotonic() - began)
                return committed.outcomes
        return [unavailable()] * len(candidates)

    async def resolve(
        self, connection: Connection[Record], attempt: GroupAttempt
    ) -> list[CommitOutcome]:
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
                    self._queries["is_committed"], attempt.batch_ids
                )
            except asyncpg.UniqueViolationError:
                committed, written = None, True
            if not written:
                return [unavailable()] * len(attempt.outcomes)
            if committed is None:
                committed = await self._as_committed(connection, attempt)
        except AWAY as error:
            raise CommitInDoubt(attempt) from error
        return committed.outcomes

    async def _as_committed(
        self, connection: Connection[Record], attempt: GroupAttempt
    ) -> GroupAttempt:
        """The attempt as the first transaction committed it, which nobody heard of."""
        rows = []
        if attempt.idempotent:
            rows = await connection.fetch(
                self._queries["first_batches"], *idempotency_lookup_columns(attempt.admitted)
            )
        written = self._without_duplicates(attempt, rows)
        self._report_committed(written)
        return written

    def _record_stats(self, attempt: GroupAttempt, seconds: float) -> None:
        self.stats.add(
            requests=len(attempt.outcomes),
            refused=sum(outcome is not None for outcome in attempt.outcomes),
            records=sum(candidate.validated.records for _, candidate in attempt.admitted),
            body_bytes=sum(candidate.body_bytes for _, candidate in attempt.admitted),
            seconds=seconds,
        )

    def _attempt(self, candidates: Sequence[Candidate]) -> GroupAttempt:
        outcomes, admitted = self._decide(candidates)
        hashes = list({candidate.token_hash for candidate in candidates})
        now = self._clock.now()
        received = self._receipt_times.next(now, len(admitted))
        batch_ids = new_batch_ids(int(now.timestamp() * 1000), len(admitted))
        believed = cached_token_columns((each, self._token_cache.get(each)) for each in hashes)
        arguments = (*believed, *batch_columns(admitted, batch_ids, received))
        idempotent = any(candidate.idempotency_key is not None for _, candidate in admitted)
        if idempotent:
            arguments = (*arguments, *idempotency_key_columns(admitted))
        return GroupAttempt(
            outcomes, admitted, received, arguments, batch_ids=batch_ids, idempotent=idempotent
        )

    def _decide(
        self, candidates: Sequence[Candidate]
    ) -> tuple[list[CommitOutcome], list[tuple[Token, Candidate]]]:
        outcomes: list[CommitOutcome] = []
        admitted: list[tuple[Token, Candidate]] = []
        for candidate in candidates:
            token = self._token_cache.get(candidate.token_hash)
            refusal = admit(token, candidate.validated)
            outcomes.append(refusal)
            if refusal is None and token is not None:
                admitted.append((token, candidate))
        return outcomes, admitted

    async def _send(
        self, connection: Connection[Record], attempt: GroupAttempt
    ) -> GroupAttempt | None:
        """The attempt as it is committed: without what was taken before.

        None when what was decided did not rest on the rows as they are: then nothing happened,
        but that the rows are known better now.
        """
        query = "commit_group_idempotent" if attempt.idempotent else "commit_group"
        rows = await connection.fetch(self._queries[query], *attempt.arguments)
        if rows[0]["log_size"] is None:
            self._token_cache.put((row["token_hash"], _token(row)) for row in rows)
            return None
        committed = self._without_duplicates(attempt, rows[1:]) if rows[1:] else attempt
        if committed.admitted:
            self._report_committed(committed)
        return committed

    def _without_duplicates(self, attempt: GroupAttempt, repeats: Sequence[Record]) -> GroupAttempt:
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
                self._access_log.repeated(token, candidate, first)
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

    def _report_committed(self, attempt: GroupAttempt) -> None:
        """Of what is durable now."""
        self._access_log.accepted(attempt.admitted, attempt.batch_ids, attempt.received)
        self._usage_stats.add_uses(
            (token, candidate.peer, moment)
            for (token, candidate), moment in zip(attempt.admitted, attempt.received, strict=True)
        )


def _token(row: Record) -> Token | None:
    if row["token_id"] is None:
        return None
    return Token(row["token_id"], row["integration_id"], row["client_id"], row["state"])
