"""Group commit: one fsync makes many requests durable, and none is answered before it.

Design, promises 1 and 2. Requests that arrive during a commit form the next group.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg import Connection, Record

from protocol.refusals.edge import NotStorable, OutcomeUnknown, ServiceUnavailable
from services.journal.candidates import Candidate, CommitOutcome
from services.journal.commit.transaction import CommitInDoubt, GroupAttempt, GroupTransaction
from services.runtime.backoff import Backoff
from services.runtime.database import AWAY, ConnectFunction
from services.runtime.logs import Log
from services.runtime.metrics import INGEST_REQUESTS

GROUP_REQUESTS_MAX = 256
GROUP_BYTES_MAX = 32 * 1024 * 1024

# A commit mostly waits for the disk. A second group is committed in parallel if enough requests are
# pending to be worth the round trips; PostgreSQL shares the fsync.
COMMIT_CONNECTIONS = 2
PARALLEL_REQUESTS_MIN = 16
PARALLEL_BYTES_MIN = 1024 * 1024

CONNECT_SECONDS_MAX = 2.0
RECONNECT_SECONDS_MIN = 0.05
RECONNECT_SECONDS_MAX = 1.6

# Errors that say nothing about a request: the same one may succeed later.
_TRANSIENT_ERRORS = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InsufficientResourcesError,
)

# The request holds something that no table can store. Validation refuses every known case before.
_DATA_ERRORS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)

# Incremented once for a group: for each request it would cost as much as deciding about them.
_ACCEPTED = {endpoint: INGEST_REQUESTS.labels(endpoint, "201") for endpoint in ("push", "batch")}


@dataclass(slots=True, eq=False)
class _PendingRequest:
    candidate: Candidate
    outcome: asyncio.Future[CommitOutcome]


@dataclass(slots=True, eq=False)
class _InDoubtGroup:
    """A group of which the connection broke during the commit, until its outcome is known."""

    attempt: GroupAttempt
    group: list[_PendingRequest]
    timeout: asyncio.TimerHandle


class GroupCommitter:
    """Implements ``IngestJournal`` on PostgreSQL.

    ``outcome_seconds_max``: how long a request in doubt waits for its outcome before it is answered
    with OutcomeUnknown.
    """

    def __init__(
        self, connect: ConnectFunction, transaction: GroupTransaction, *, outcome_seconds_max: float
    ) -> None:
        self._connect = connect
        self._transaction = transaction
        self._outcome_seconds_max = outcome_seconds_max
        self._in_doubt: deque[_InDoubtGroup] = deque()
        self._pending: deque[_PendingRequest] = deque()
        self._pending_bytes = 0
        self._wake = asyncio.Event()
        self._connected = 0
        self._commits_in_progress = 0
        # No connection is open, and the last attempt to open one failed.
        self._unreachable = False

    async def reason_not_ready(self) -> str | None:
        return "the journal's database is unreachable" if self._unreachable else None

    def commit(self, candidate: Candidate) -> asyncio.Future[CommitOutcome]:
        outcome: asyncio.Future[CommitOutcome] = asyncio.get_running_loop().create_future()
        if self._unreachable:
            outcome.set_result(ServiceUnavailable())
            return outcome
        self._pending.append(_PendingRequest(candidate, outcome))
        self._pending_bytes += len(candidate.body)
        if self._group_is_due():
            self._wake.set()
        return outcome

    async def run(self, ending: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as connections:
                for _ in range(COMMIT_CONNECTIONS):
                    connections.create_task(self._run_connection(ending))
                await ending.wait()
                self._wake.set()
        finally:
            self._refuse_pending()
            for each in self._in_doubt:
                _give_up(each.group)
            self._transaction.stats.flush()

    # --- connections -------------------------------------------------------------------------

    async def _run_connection(self, ending: asyncio.Event) -> None:
        while (connection := await self._open(ending)) is not None:
            self._connected += 1
            self._unreachable = False
            try:
                await self._resolve_in_doubt(connection)
                await self._commit_groups(connection, ending)
            finally:
                self._connected -= 1
                connection.terminate()
            if ending.is_set():
                return

    async def _open(self, ending: asyncio.Event) -> Connection[Record] | None:
        """Retries until it succeeds; returns None if ``ending`` is set meanwhile."""
        backoff = Backoff(min_seconds=RECONNECT_SECONDS_MIN, max_seconds=RECONNECT_SECONDS_MAX)
        while True:
            try:
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    return await self._open_once()
            except AWAY as error:
                self._report_unreachable(error)
            if await backoff.wait(ending):
                return None

    async def _open_once(self) -> Connection[Record]:
        connection = await self._connect()
        try:
            await self._transaction.prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(lambda _: self._wake.set())
        return connection

    def _report_unreachable(self, error: BaseException) -> None:
        """Requests are refused immediately from now on, unless another connection is open."""
        if self._connected:
            return
        if not self._unreachable:
            Log().warning("journal.unreachable", error=type(error).__name__)
        self._unreachable = True
        self._refuse_pending()

    async def _commit_groups(self, connection: Connection[Record], ending: asyncio.Event) -> None:
        """Returns when the connection is lost, or when nothing is pending and ``ending`` is set."""
        while not connection.is_closed():
            if self._group_is_due():
                self._commits_in_progress += 1
                try:
                    await self._commit_group(connection, self._next_group())
                finally:
                    self._commits_in_progress -= 1
            elif ending.is_set():
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    # --- groups ------------------------------------------------------------------------------

    def _group_is_due(self) -> bool:
        if not self._commits_in_progress:
            return bool(self._pending)
        return (
            len(self._pending) >= PARALLEL_REQUESTS_MIN or self._pending_bytes >= PARALLEL_BYTES_MIN
        )

    def _next_group(self) -> list[_PendingRequest]:
        group: list[_PendingRequest] = []
        group_bytes = 0
        while self._pending and len(group) < GROUP_REQUESTS_MAX:
            size = len(self._pending[0].candidate.body)
            if group and group_bytes + size > GROUP_BYTES_MAX:
                break
            group_bytes += size
            group.append(self._pending.popleft())
        self._pending_bytes -= group_bytes
        return group

    async def _commit_group(
        self, connection: Connection[Record], group: list[_PendingRequest]
    ) -> None:
        """Leaves every request of the group with an outcome, or among those in doubt."""
        try:
            candidates = [request.candidate for request in group]
            _set_outcomes(group, await self._transaction.commit(connection, candidates))
        except CommitInDoubt as error:
            self._move_to_in_doubt(error.attempt, tuple(group), group)
            connection.terminate()
        except asyncpg.PostgresError:
            await self._commit_one_by_one(connection, group)
        finally:
            # Also after an error of our own, or when this task is cancelled.
            _refuse_unavailable(group)

    async def _commit_one_by_one(
        self, connection: Connection[Record], group: list[_PendingRequest]
    ) -> None:
        """Commits a group that failed, so that one bad request never fails its neighbours.

        Requests left without an outcome may be sent again: they were not at fault.
        """
        Log().warning("group.split", requests=len(group))
        locked_tokens: set[bytes] = set()
        for request in tuple(group):
            if request.candidate.token_hash in locked_tokens:
                continue
            try:
                outcomes = await self._transaction.commit(connection, [request.candidate])
            except CommitInDoubt as error:
                self._move_to_in_doubt(error.attempt, [request], group)
                connection.terminate()
                return
            except asyncpg.LockNotAvailableError:
                locked_tokens.add(request.candidate.token_hash)
            except _TRANSIENT_ERRORS:
                continue
            except _DATA_ERRORS as error:
                _log_failure(request, error)
                _set_outcomes([request], [NotStorable()])
            except asyncpg.PostgresError as error:
                # A fault of Pushgate or of the installation: a retry may succeed once it is fixed.
                _log_failure(request, error)
            else:
                _set_outcomes([request], outcomes)

    # --- groups in doubt ---------------------------------------------------------------------

    def _move_to_in_doubt(
        self,
        attempt: GroupAttempt,
        requests: Sequence[_PendingRequest],
        group: list[_PendingRequest],
    ) -> None:
        """Takes ``requests`` out of ``group``; their outcome is resolved over a new connection."""
        in_doubt = list(requests)
        for request in in_doubt:
            group.remove(request)
        loop = asyncio.get_running_loop()
        timeout = loop.call_later(self._outcome_seconds_max, _give_up, in_doubt)
        self._in_doubt.append(_InDoubtGroup(attempt, in_doubt, timeout))

    async def _resolve_in_doubt(self, connection: Connection[Record]) -> None:
        """To be called on a new connection before any group is committed over it."""
        while self._in_doubt and not connection.is_closed():
            in_doubt = self._in_doubt.popleft()
            if in_doubt.timeout.when() <= asyncio.get_running_loop().time():
                continue
            try:
                outcomes = await self._transaction.resolve(connection, in_doubt.attempt)
            except (CommitInDoubt, asyncpg.PostgresError):
                self._in_doubt.append(in_doubt)
                connection.terminate()
            else:
                in_doubt.timeout.cancel()
                _set_outcomes(in_doubt.group, outcomes)

    def _refuse_pending(self) -> None:
        refused = list(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        _refuse_unavailable(refused)


def _log_failure(request: _PendingRequest, error: asyncpg.PostgresError) -> None:
    """Omits the error's text, which quotes the row."""
    Log().error(
        "commit.failed",
        request_id=request.candidate.request_id,
        endpoint=request.candidate.endpoint,
        sqlstate=error.sqlstate,
        constraint=error.constraint_name,
        error=type(error).__name__,
    )


def _give_up(group: Sequence[_PendingRequest]) -> None:
    _set_outcomes(group, [OutcomeUnknown()] * len(group))


def _refuse_unavailable(group: Iterable[_PendingRequest]) -> None:
    """Those without an outcome. Nothing of them is stored."""
    if unanswered := [request for request in group if not request.outcome.done()]:
        _set_outcomes(unanswered, [ServiceUnavailable()] * len(unanswered))


def _set_outcomes(group: Iterable[_PendingRequest], outcomes: Iterable[CommitOutcome]) -> None:
    """Skips requests that have an outcome already, or a client that disconnected."""
    accepted: Counter[str] = Counter()
    for request, outcome in zip(group, outcomes, strict=True):
        if not request.outcome.done():
            request.outcome.set_result(outcome)
            if outcome is None:
                accepted[request.candidate.endpoint] += 1
    for endpoint, requests in accepted.items():
        _ACCEPTED[endpoint].inc(requests)
