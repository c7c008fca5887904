"""Commands to a stream of the log: read it, decide, append; again on its new state if it has moved.

Retried are a moved stream, a busy log and a lost connection: with pauses, up to a limit, and always
with the same command id, so that a command takes effect at most once however often it is retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, Generic, TypeAlias, cast
from uuid import UUID

import asyncpg
from asyncpg import Pool, Record

from events import errors, log
from events.errors import EventConflict, LogBusy, StreamMoved
from events.ids import AccountId, CommandId, IntegrationId, event_id, new_command_id
from events.log import AnyConnection
from events.sql_files import load_queries
from events.types import AccountFact, Fact, IntegrationFact
from services.runtime import metrics
from services.runtime.backoff import Backoff
from services.runtime.clock import Clock
from services.runtime.database import AWAY
from services.runtime.logs import Log
from services.tokens.domain.accounts import ACCOUNT, Account
from services.tokens.domain.commands import (
    BARRIER_COMMANDS,
    AccountCommand,
    IntegrationCommand,
)
from services.tokens.domain.decider import CommandT, Decider, FactT, StateT
from services.tokens.domain.integrations import INTEGRATION, Integration
from services.tokens.domain.permissions import Caller, require_ownership
from services.tokens.limits import CONCURRENT_APPENDS_MAX, RetryPolicy
from services.tokens.refusals import Busy, DatabaseUnavailable, FormUsed, WritesHalted

_RETRIED = (StreamMoved, EventConflict, LogBusy, *AWAY)

# Writes to other tables in the transaction of the facts, which it is given.
BeforeAppend: TypeAlias = Callable[[AnyConnection, Sequence[FactT]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class WithNewId(Generic[CommandT]):
    """A command that needs an id of its own.

    The id is taken from a sequence after the stream was read, and the append fails if the stream
    has moved since. So ids follow the order of the log: the larger token id is the newer token.
    """

    statement: str  # of queries.sql: it returns the next id
    command: Callable[[int], CommandT]


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamCommand(Generic[StateT, CommandT, FactT]):
    """Commands to one stream that take effect together or not at all.

    Each attempt is one transaction, in this order: wait for the pushes in progress (``barrier``),
    read the stream, ``authorize`` its state, use up ``form_id``, allocate ids, decide,
    ``before_append``, append.
    """

    stream: str
    actor: str
    decider: Decider[StateT, CommandT, FactT]
    commands: Sequence[CommandT | WithNewId[CommandT]]
    authorize: Callable[[StateT | None], None] | None = None
    # The one-time id of a web form. A second command with it raises FormUsed.
    form_id: UUID | None = None
    before_append: BeforeAppend[FactT] | None = None
    # Set when the commands end or suspend the integration's right to write: pushes admitted before
    # commit first, and later ones see the new facts (design, promise 2).
    barrier: IntegrationId | None = None


AccountStreamCommand: TypeAlias = StreamCommand[Account, AccountCommand, AccountFact]
IntegrationStreamCommand: TypeAlias = StreamCommand[
    Integration, IntegrationCommand, IntegrationFact
]


def account_command(
    account_id: AccountId,
    actor: str,
    *commands: AccountCommand | WithNewId[AccountCommand],
    before_append: BeforeAppend[AccountFact] | None = None,
) -> AccountStreamCommand:
    return StreamCommand(
        stream=f"account/{account_id}",
        actor=actor,
        decider=ACCOUNT,
        commands=commands,
        before_append=before_append,
    )


def integration_command(
    caller: Caller,
    integration_id: IntegrationId,
    *commands: IntegrationCommand | WithNewId[IntegrationCommand],
    is_new: bool = False,
    form_id: UUID | None = None,
    before_append: BeforeAppend[IntegrationFact] | None = None,
) -> IntegrationStreamCommand:
    """Unless ``is_new``, only the integration's own account may execute it: IntegrationNotFound."""
    is_barrier = any(isinstance(command, BARRIER_COMMANDS) for command in commands)
    return StreamCommand(
        stream=f"integration/{integration_id}",
        actor=caller.actor,
        decider=INTEGRATION,
        commands=commands,
        authorize=None if is_new else functools.partial(require_ownership, caller),
        form_id=form_id,
        before_append=before_append,
        barrier=integration_id if is_barrier else None,
    )


class CommandExecutor:
    """One for a process: it limits how many of its appends queue at the log's lock."""

    def __init__(self, pool: Pool[Record], clock: Clock, retry_policy: RetryPolicy) -> None:
        self._pool = pool
        self._clock = clock
        self._retry_policy = retry_policy
        self._slots = asyncio.Semaphore(CONCURRENT_APPENDS_MAX)
        self._queries = load_queries("services.tokens")

    async def execute(self, command: StreamCommand[StateT, CommandT, FactT]) -> list[FactT]:
        """The recorded facts; none when the stream's state was already the requested one.

        Raises what the domain refuses, ConstraintViolated, FormUsed, WritesHalted, Busy, or
        DatabaseUnavailable: after the last the outcome is unknown.
        """
        command_id = new_command_id()
        policy = self._retry_policy
        deadline = self._clock.monotonic() + policy.command_seconds_max
        backoff = Backoff(
            min_seconds=policy.delay_seconds_min,
            max_seconds=policy.delay_seconds_max,
            jitter=True,
        )
        for attempt in count(1):
            try:
                async with self._slot():
                    return await self._attempt(command, command_id)
            except errors.LogHalted as error:
                raise WritesHalted from error
            except _RETRIED as error:
                if attempt >= policy.attempts_max or self._clock.monotonic() > deadline:
                    raise (DatabaseUnavailable if isinstance(error, AWAY) else Busy) from error
            await asyncio.sleep(backoff.next_seconds())
        raise AssertionError("the loop above ends by itself")

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._retry_policy.command_seconds_max):
                await self._slots.acquire()
        except TimeoutError:
            raise Busy from None
        try:
            yield
        finally:
            self._slots.release()

    async def _attempt(
        self, command: StreamCommand[StateT, CommandT, FactT], command_id: CommandId
    ) -> list[FactT]:
        async with self._pool.acquire() as connection, connection.transaction():
            if command.barrier is not None:
                await self._wait_for_pushes(connection, command.barrier)
            recorded = await log.read_stream(connection, command.stream)
            if done := _already_recorded(recorded, command_id):
                return cast("list[FactT]", done)
            state = command.decider.fold(cast("FactT", one.fact) for one in recorded)
            if command.authorize is not None:
                command.authorize(state)
            if command.form_id is not None:
                await self._use_form(connection, command.form_id)
            commands = [await self._identified(connection, one) for one in command.commands]
            facts = command.decider.decide_all(state, commands)
            if not facts:
                return []
            if command.before_append is not None:
                await command.before_append(connection, facts)
            appended = await log.append(
                connection,
                command.stream,
                recorded[-1].version if recorded else 0,
                facts,
                command_id=command_id,
                actor=command.actor,
            )
        _log_appended(command, facts, appended[0].number)
        return facts

    async def _wait_for_pushes(self, connection: AnyConnection, integration: IntegrationId) -> None:
        milliseconds = round(self._retry_policy.barrier_seconds_max * 1000)
        await connection.execute(self._queries["limit_lock_wait"], f"{milliseconds}ms")
        try:
            await connection.execute(self._queries["lock_barrier"], integration)
        except asyncpg.LockNotAvailableError as error:
            raise LogBusy(str(error)) from error

    async def _use_form(self, connection: AnyConnection, form_id: UUID) -> None:
        """In the transaction of the command: both take effect, or neither."""
        if not await connection.fetchval(self._queries["use_form"], form_id, self._clock.now()):
            raise FormUsed

    async def _identified(
        self, connection: AnyConnection, command: CommandT | WithNewId[CommandT]
    ) -> CommandT:
        if not isinstance(command, WithNewId):
            return command
        return command.command(await connection.fetchval(self._queries[command.statement]))


def _log_appended(
    command: StreamCommand[Any, Any, Any], facts: Sequence[Fact], number: int
) -> None:
    names = [type(fact).__name__ for fact in facts]
    Log().info(
        "facts.appended", stream=command.stream, number=number, facts=names, actor=command.actor
    )
    for name in names:
        metrics.TOKENS_APPENDS.labels(name).inc()


def _already_recorded(recorded: Sequence[log.Recorded], command_id: CommandId) -> list[Fact]:
    """What an earlier attempt recorded before its connection was lost."""
    by_id = {one.event_id: one.fact for one in recorded}
    ids = (event_id(command_id, index) for index in count())
    return [by_id[own] for own in takewhile(by_id.__contains__, ids)]
