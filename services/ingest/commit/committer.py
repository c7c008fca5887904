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
from services.ingest.commit.columns import Candidate, Endpoint
from services.ingest.commit.transaction import (
    Attempt,
    ConnectionBroke,
    GroupTransaction,
    Outcome,
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
LANES = 2
BESIDE_REQUESTS_MIN = 16
BESIDE_BYTES_MIN = 1024 * 1024

CONNECT_SECONDS_MAX = 2.0
# After a failed attempt to connect; the last one repeats.
RECONNECT_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)

# A request alone can fail on these without being wrong: the same one may succeed later.
_PASSING = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InsufficientResourcesError,
)

# What a request holds and no table takes. Nothing of the kind passes the checks, as far as we know.
_UNSTORABLE = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)

# Counted for a whole group: one by one it would cost as much as deciding about them.
_TAKEN = {endpoint: INGEST_REQUESTS.labels(endpoint, "201") for endpoint in get_args(Endpoint)}


@dataclass(slots=True, eq=False)
class _Waiting:
    candidate: Candidate
    answer: asyncio.Future[Outcome]


@dataclass(slots=True, eq=False)
class _Unknown:
    """A group that was sent over a connection that broke, until somebody can say what it did."""

    attempt: Attempt
    group: list[_Waiting]
    given_up: asyncio.TimerHandle


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
        self._unknown: deque[_Unknown] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._connected = 0
        self._committing = 0
        # No lane has a connection and an attempt to get one has failed.
        self._away = False

    async def reason_not_ready(self) -> str | None:
        return "the journal's database is away" if self._away else None

    def commit(self, candidate: Candidate) -> asyncio.Future[Outcome]:
        """Done once the candidate is durable (None), or with the refusal: then it was not taken.

        Only OutcomeUnknown says nothing about that: the connection broke under the commit, and
        the database did not come back in time.
        """
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if self._away:
            answer.set_result(unavailable())
            return answer
        self._waiting.append(_Waiting(candidate, answer))
        self._waiting_bytes += len(candidate.body)
        if self._worth_a_group():
            self._wake.set()
        return answer

    async def run(self, ending: asyncio.Event) -> None:
        """Commits until told to end, then what still waits. Keeps its connections alive."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(LANES):
                    lanes.create_task(self._lane(ending))
                await ending.wait()
                self._wake.set()
        finally:
            self._refuse_waiting()
            for unknown in self._unknown:
                _give_up(unknown.group)
            self._transaction.tally.flush()

    # --- lanes: connections, and the groups that go over them ---------------------------------

    async def _lane(self, ending: asyncio.Event) -> None:
        while (connection := await self._open(ending)) is not None:
            self._connected += 1
            self._away = False
            try:
                await self._serve(connection, ending)
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
                self._unreachable(error)
            else:
                connection.add_termination_listener(lambda _: self._wake.set())
                return connection
            if await wait_for(ending, next(pauses, RECONNECT_PAUSES_SECONDS[-1])):
                return None

    def _unreachable(self, error: BaseException) -> None:
        """From here on requests are refused at once, unless another lane is connected."""
        if self._connected:
            return
        if not self._away:
            Log().warning("journal.unreachable", error=type(error).__name__)
        self._away = True
        self._refuse_waiting()

    async def _serve(self, connection: Connection[Record], ending: asyncio.Event) -> None:
        """Returns when the connection is lost, or when told to end and nothing is left to do."""
        await self._settle_unknown(connection)
        while not connection.is_closed():
            if self._worth_a_group():
                self._committing += 1
                try:
                    await self._commit_group(connection, self._next_group())
                finally:
                    self._committing -= 1
            elif ending.is_set():
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    # --- groups ------------------------------------------------------------------------------

    def _worth_a_group(self) -> bool:
        if not self._committing:
            return bool(self._waiting)
        return len(self._waiting) >= BESIDE_REQUESTS_MIN or self._waiting_bytes >= BESIDE_BYTES_MIN

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        group_bytes = 0
        while self._waiting and len(group) < GROUP_REQUESTS_MAX:
            size = len(self._waiting[0].candidate.body)
            if group and group_bytes + size > GROUP_BYTES_MAX:
                break
            group_bytes += size
            group.append(self._waiting.popleft())
        self._waiting_bytes -= group_bytes
        return group

    async def _commit_group(self, connection: Connection[Record], group: list[_Waiting]) -> None:
        candidates = [waiting.candidate for waiting in group]
        try:
            _answer(group, await self._transaction.commit(connection, candidates))
        except ConnectionBroke as broke:
            self._keep_unknown(broke.attempt, group)
            group = []
            connection.terminate()
        except asyncpg.PostgresError:
            group = await self._commit_one_by_one(connection, group)
        finally:
            # Whatever happened: nobody waits for a group that is gone.
            _answer(group, [unavailable()] * len(group))

    async def _commit_one_by_one(
        self, connection: Connection[Record], group: list[_Waiting]
    ) -> list[_Waiting]:
        """Finds what no transaction can hold, so that its neighbours do not pay for it.

        Returns those that were not taken and may be refused, among others that were answered.
        """
        Log().warning("group.split", requests=len(group))
        stuck: set[bytes] = set()
        for waiting in group:
            if waiting.candidate.token_hash in stuck:
                continue
            try:
                _answer([waiting], await self._transaction.commit(connection, [waiting.candidate]))
            except ConnectionBroke as broke:
                self._keep_unknown(broke.attempt, [waiting])
                connection.terminate()
                return [each for each in group if each is not waiting]
            except asyncpg.LockNotAvailableError:
                stuck.add(waiting.candidate.token_hash)
            except _PASSING:
                continue
            except _UNSTORABLE as error:
                _log_failure(waiting, error)
                _answer([waiting], [NotStorable()])
            except asyncpg.PostgresError as error:
                # A fault of ours, or of the installation: resending may help once it is mended.
                _log_failure(waiting, error)
        return group

    # --- groups whose connection broke -------------------------------------------------------

    def _keep_unknown(self, attempt: Attempt, group: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        given_up = loop.call_later(self._outcome_seconds_max, _give_up, group)
        self._unknown.append(_Unknown(attempt, group, given_up))

    async def _settle_unknown(self, connection: Connection[Record]) -> None:
        """Before anything else goes over a new connection. Those given up have been answered."""
        while self._unknown and not connection.is_closed():
            unknown = self._unknown.popleft()
            if unknown.given_up.when() <= asyncio.get_running_loop().time():
                continue
            try:
                outcomes = await self._transaction.settle(connection, unknown.attempt)
            except (ConnectionBroke, asyncpg.PostgresError):
                self._unknown.append(unknown)
                connection.terminate()
            else:
                unknown.given_up.cancel()
                _answer(unknown.group, outcomes)

    def _refuse_waiting(self) -> None:
        refused = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        _answer(refused, [unavailable()] * len(refused))


def _log_failure(waiting: _Waiting, error: asyncpg.PostgresError) -> None:
    """Without the error's text: it quotes the row."""
    Log().error(
        "commit.failed",
        request_id=waiting.candidate.request_id,
        endpoint=waiting.candidate.endpoint,
        sqlstate=error.sqlstate,
        constraint=error.constraint_name,
        error=type(error).__name__,
    )


def _give_up(group: list[_Waiting]) -> None:
    _answer(group, [OutcomeUnknown()] * len(group))


def _answer(group: Iterable[_Waiting], outcomes: Iterable[Outcome]) -> None:
    """Those answered before, and those whose client is gone, stay as they are."""
    taken: Counter[Endpoint] = Counter()
    for waiting, outcome in zip(group, outcomes, strict=True):
        if not waiting.answer.done():
            waiting.answer.set_result(outcome)
            if outcome is None:
                taken[waiting.candidate.endpoint] += 1
    for endpoint, requests in taken.items():
        _TAKEN[endpoint].inc(requests)
