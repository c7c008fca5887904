"""What a journal must do: for ingest, which commits requests, and for the loader, which loads them.

PostgreSQL implements both (commit/committer.py, claims.py). Another engine implements
``IngestJournal`` and fills the same tables for the loader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from events.ids import BatchId
from events.log import AnyConnection
from protocol.refusals import Refusal
from protocol.validation import Validated
from services.journal.batches import Backlog, Batch, BatchKey, StoredBody, TableKey
from services.journal.candidates import Candidate, CommitOutcome, TokenRow


class IngestJournal(Protocol):
    """Commits candidates in groups; a request is answered only when its outcome is known.

    The token rows by which a candidate was admitted must be true at the moment of the commit: a
    push with a token that was revoked before is never accepted (design, promise 2).
    """

    def commit(self, candidate: Candidate) -> Awaitable[CommitOutcome]:
        """Resolves to None once the candidate is durable, or to the refusal that it is answered.

        May be called from any number of tasks, in the event loop. After any refusal but
        OutcomeUnknown nothing of the candidate is stored; OutcomeUnknown leaves that open.
        A neighbour in the group never changes a candidate's outcome. A candidate with the
        idempotency key of an accepted one gets the same outcome and is not stored again; with
        another body it gets IdempotencyKeyReused.
        """

    async def reason_not_ready(self) -> str | None:
        """A readiness check: None if candidates can be committed now."""

    async def run(self, ending: asyncio.Event) -> None:
        """Commits until ``ending`` is set, then what is still pending, and returns.

        Reconnects by itself. When it returns, every candidate has an outcome.
        """


class LoaderJournal(Protocol):
    """One loader's view of the accepted batches: waiting ones, leases on their tables, and bodies.

    A lease only saves work. What keeps a batch from being loaded twice is the loaded marker that
    the destination's own transaction writes (design, promise 8), so losing a lease is no error.
    """

    async def tables_with_work(self, after: TableKey, limit: int) -> list[TableKey]:
        """Tables without a lease that have waiting batches, in order, after ``after``."""

    async def take_lease(self, table: TableKey, lease_seconds: float) -> bool:
        """Takes or extends the lease; False if another loader holds it."""

    async def release_leases(self, table: TableKey | None = None) -> None:
        """Releases the lease on ``table``, or every lease of this loader."""

    async def batches(self, table: TableKey) -> list[Batch]:
        """The oldest waiting batches of a table in order of acceptance; bounded."""

    async def bodies(self, batches: Sequence[Batch]) -> dict[UUID, StoredBody]:
        """The bodies by batch id; those past their retention are missing."""

    async def still_pending(self, keys: Sequence[BatchKey]) -> set[BatchKey]:
        """Those of ``keys`` that still wait to be loaded."""

    async def listed(self, keys: Sequence[BatchKey]) -> set[BatchKey]:
        """Those of ``keys`` that wait or have failed: what may still be loaded one day."""

    async def finish(self, keys: Sequence[BatchKey], connection: AnyConnection) -> set[BatchKey]:
        """Removes loaded batches, in the caller's transaction on the journal's database.

        Idempotent. Returns those that were listed until now.
        """

    async def count_attempt(self, keys: Sequence[BatchKey], reason: str) -> None:
        """Records one failed attempt; the batches stay waiting and are retried."""

    async def mark_failed(self, keys: Sequence[BatchKey], reason: str) -> None:
        """Failed batches are not claimed again until somebody reloads them."""

    async def backlog(self) -> Backlog: ...

    async def schema_name(self, integration_id: int) -> str | None:
        """The destination schema; None if the integration has been deleted."""


# What ingest gives to its journal.

# The admission decision: None admits, anything else is the candidate's outcome. Pure.
Admit: TypeAlias = Callable[[TokenRow | None, Validated], Refusal | None]


class TokenRows(Protocol):
    """The token rows by which candidates are admitted before the commit verifies them."""

    def get(self, token_hash: bytes) -> TokenRow | None:
        """None: no active token with this hash is known."""

    def put(self, rows: Iterable[tuple[bytes, TokenRow | None]]) -> None:
        """The true rows, after a commit found that others were used."""


class CommitObserver(Protocol):
    """Called in the event loop, after the commit and before the requests are answered."""

    def committed(
        self,
        admitted: Sequence[tuple[TokenRow, Candidate]],
        batch_ids: Sequence[BatchId],
        received: Sequence[datetime],
    ) -> None:
        """These requests are durable. One batch id and time of receipt for each."""

    def repeated(self, token: TokenRow, candidate: Candidate, first_batch_id: UUID) -> None:
        """A request was accepted before, under ``first_batch_id``, and was not stored again."""
