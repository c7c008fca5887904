"""The group committer: one fsync pays for many pushes, and none is answered before it.

Design, promises 1 and 2. Requests that arrive while a commit is under way form the next group.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

import asyncpg
from asyncpg import Connection, Record

from protocol.refusals.edge import NotStorable, OutcomeUnknown
from services.ingest.commit.columns import Candidate, EndpointName
from services.ingest.commit.transaction import (
    CommitInDoubt,
    CommitOutcome,
    GroupAttempt,
    GroupTransaction,
)
from services.receiving.memory_budget import unavailable
from services.runtime.clock import wait_for
from services.runtime.database import AWAY, ConnectFunction
from services.runtime.logs import Log
from services.runtime.metrics import INGEST_REQUESTS

GROUP_REQUESTS_MAX = 256
GROUP_BYTES_MAX = 32 * 1024 * 1024

# A commit is mostly waiting for the disk. A second group may be under way beside the first, when
# as many wait as make it worth its own trips to the database; Postgres shares the fsync.
COMMIT_CONNECTIONS = 2
PARALLEL_REQUESTS_MIN = 16
PARALLEL_BYTES_MIN = 1024 * 1024

CONNECT_SECONDS_MAX = 2.0
# After a failed attempt to connect; the last one repeats.
RECONNECT_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)

# A request alone can fail on these without being wrong: the same one may succeed later.
_TRANSIENT_ERRORS = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InsufficientResourcesError,
)

# What a request holds and no table takes. Nothing of the kind passes the checks, as far as we know.
_DATA_ERRORS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)

# Counted for a whole group: one by one it would cost as much as deciding about them.
_ACCEPTED = {
    endpoint: INGEST_REQUESTS.labels(endpoint, "201") for endpoint in get_args(EndpointName)
}


@dataclass(slots=True, eq=False)
class _PendingRequest:
    candidate: Candidate
    outcome: asyncio.Future[CommitOutcome]


@dataclass(slots=True, eq=False)
class _InDoubtGroup:
    """A group that was sent over a connection that broke, until somebody can say what it did."""

    attempt: GroupAttempt
    group: list[_PendingRequest]
    timeout: asyncio.TimerHandle


class GroupCommitter:
    """``run`` is the loop that commits; ``commit`` may be called from any number of tasks.

    ``outcome_seconds_max``: how long a request whose connection broke under its commit waits for
    the database to say what became of it.
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
        # No lane has a connection and an attempt to get one has failed.
        self._unreachable = False

    async def reason_not_ready(self) -> str | None:
        return "the journal's database is away" if self._unreachable else None

    def commit(self, candidate: Candidate) -> asyncio.Future[CommitOutcome]:
        """Done once the candidate is durable (None), or with the refusal: then it was not taken.

        Only OutcomeUnknown says nothing about that: the connection broke under the commit, and
        the database did not come back in time.
        """
        answer: asyncio.Future[CommitOutcome] = asyncio.get_running_loop().create_future()
        if self._unreachable:
            answer.set_result(unavailable())
            return answer
        self._pending.append(_PendingRequest(candidate, answer))
        self._pending_bytes += len(candidate.body)
        if self._group_is_due():
            self._wake.set()
        return answer

    async def run(self, ending: asyncio.Event) -> None:
        """Commits until told to end, then what still waits. Keeps its connections alive."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(COMMIT_CONNECTIONS):
                    lanes.create_task(self._run_connection(ending))
                await ending.wait()
                self._wake.set()
        finally:
            self._refuse_pending()
            for each in self._in_doubt:
                _answer_unknown(each.group)
            self._transaction.stats.flush()

    # --- lanes: connections, and the groups that go over them ---------------------------------

    async def _run_connection(self, ending: asyncio.Event) -> None:
        while (connection := await self._open(ending)) is not None:
            self._connected += 1
            self._unreachable = False
            try:
                await self._commit_groups(connection, ending)
            finally:
                self._connected -= 1
                connection.terminate()
            if ending.is_set():
                return

    async def _open(self, ending: asyncio.Event) -> Connection[Record] | None:
        """Tries until it succeeds; None when told to end meanwhile."""
        pauses = iter(RECONNECT_PAUSES_SECONDS)
        while True:
            try:
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    connection = await self._connect()
                    await self._transaction.prepare(connection)
            except AWAY as error:
                self._on_unreachable(error)
            else:
                connection.add_termination_listener(lambda _: self._wake.set())
                return connection
            if await wait_for(ending, next(pauses, RECONNECT_PAUSES_SECONDS[-1])):
                return None

    def _on_unreachable(self, error: BaseException) -> None:
        """From here on requests are refused at once, unless another lane is connected."""
        if self._connected:
            return
        if not self._unreachable:
            Log().warning("journal.unreachable", error=type(error).__name__)
        self._unreachable = True
        self._refuse_pending()

    async def _commit_groups(self, connection: Connection[Record], ending: asyncio.Event) -> None:
        """Returns when the connection is lost, or when told to end and nothing is left to do."""
        await self._resolve_in_doubt(connection)
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
        candidates = [request.candidate for request in group]
        try:
            _set_outcomes(group, await self._transaction.commit(connection, candidates))
        except CommitInDoubt as in_doubt:
            self._add_in_doubt(in_doubt.attempt, group)
            group = []
            connection.terminate()
        except asyncpg.PostgresError:
            group = await self._commit_one_by_one(connection, group)
        finally:
            # Whatever happened: nobody waits for a group that is gone.
            _set_outcomes(group, [unavailable()] * len(group))

    async def _commit_one_by_one(
        self, connection: Connection[Record], group: list[_PendingRequest]
    ) -> list[_PendingRequest]:
        """Finds what no transaction can hold, so that its neighbours do not pay for it.

        Returns those that were not taken and may be refused, among others that were answered.
        """
        Log().warning("group.split", requests=len(group))
        stuck: set[bytes] = set()
        for request in group:
            if request.candidate.token_hash in stuck:
                continue
            try:
                _set_outcomes(
                    [request], await self._transaction.commit(connection, [request.candidate])
                )
            except CommitInDoubt as in_doubt:
                self._add_in_doubt(in_doubt.attempt, [request])
                connection.terminate()
                return [each for each in group if each is not request]
            except asyncpg.LockNotAvailableError:
                stuck.add(request.candidate.token_hash)
            except _TRANSIENT_ERRORS:
                continue
            except _DATA_ERRORS as error:
                _log_failure(request, error)
                _set_outcomes([request], [NotStorable()])
            except asyncpg.PostgresError as error:
                # A fault of ours, or of the installation: resending may help once it is mended.
                _log_failure(request, error)
        return group

    # --- groups whose connection broke -------------------------------------------------------

    def _add_in_doubt(self, attempt: GroupAttempt, group: list[_PendingRequest]) -> None:
        loop = asyncio.get_running_loop()
        given_up = loop.call_later(self._outcome_seconds_max, _answer_unknown, group)
        self._in_doubt.append(_InDoubtGroup(attempt, group, given_up))

    async def _resolve_in_doubt(self, connection: Connection[Record]) -> None:
        """Before anything else goes over a new connection. Those given up have been answered."""
        while self._in_doubt and not connection.is_closed():
            unknown = self._in_doubt.popleft()
            if unknown.timeout.when() <= asyncio.get_running_loop().time():
                continue
            try:
                outcomes = await self._transaction.resolve(connection, unknown.attempt)
            except (CommitInDoubt, asyncpg.PostgresError):
                self._in_doubt.append(unknown)
                connection.terminate()
            else:
                unknown.timeout.cancel()
                _set_outcomes(unknown.group, outcomes)

    def _refuse_pending(self) -> None:
        refused = list(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        _set_outcomes(refused, [unavailable()] * len(refused))


def _log_failure(request: _PendingRequest, error: asyncpg.PostgresError) -> None:
    """Without the error's text: it quotes the row."""
    Log().error(
        "commit.failed",
        request_id=request.candidate.request_id,
        endpoint=request.candidate.endpoint,
        sqlstate=error.sqlstate,
        constraint=error.constraint_name,
        error=type(error).__name__,
    )


def _answer_unknown(group: list[_PendingRequest]) -> None:
    _set_outcomes(group, [OutcomeUnknown()] * len(group))


def _set_outcomes(group: Iterable[_PendingRequest], outcomes: Iterable[CommitOutcome]) -> None:
    """Those answered before, and those whose client is gone, stay as they are."""
    taken: Counter[EndpointName] = Counter()
    for request, outcome in zip(group, outcomes, strict=True):
        if not request.outcome.done():
            request.outcome.set_result(outcome)
            if outcome is None:
                taken[request.candidate.endpoint] += 1
    for endpoint, requests in taken.items():
        _ACCEPTED[endpoint].inc(requests)
