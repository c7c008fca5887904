"""Read a stream, decide, append; on fresh state again when somebody else was faster.

Tried again are a moved stream, a busy log and a lost connection: with pauses, a limit, and always
with the same command id, so that nothing can happen twice however often it is tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, Generic, cast

import asyncpg
from asyncpg import Pool, Record

from events import errors, log
from events.errors import EventConflict, LogBusy, StreamMoved
from events.ids import CommandId, IntegrationId, event_id, new_command_id
from events.log import AnyConnection
from events.sql_files import load_queries
from events.types import Fact
from services.runtime import metrics
from services.runtime.clock import Clock
from services.runtime.database import AWAY
from services.runtime.logs import Log
from services.tokens.domain.decider import CommandT, Decider, FactT, StateT
from services.tokens.limits import CONCURRENT_APPENDS_MAX, RetryPolicy
from services.tokens.refusals import Busy, DatabaseUnavailable, WritesHalted

_RETRIED = (StreamMoved, EventConflict, LogBusy, *AWAY)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamCommand(Generic[StateT, CommandT, FactT]):
    """Commands to one stream that are done together or not at all.

    ``commands`` is asked anew in each attempt, inside its transaction and after the stream was
    read: it checks who may do this, allots ids (so that the larger token id is the newer token)
    and may write beside the log. ``barrier``: the integration whose pushes in hand to wait for.
    """

    stream: str
    actor: str
    decider: Decider[StateT, CommandT, FactT]
    commands: Callable[[AnyConnection, StateT | None], Awaitable[Sequence[CommandT]]]
    barrier: IntegrationId | None = None


class CommandExecutor:
    """One for a process: it bounds how many of its appends queue at the log's lock."""

    def __init__(self, pool: Pool[Record], clock: Clock, retry_policy: RetryPolicy) -> None:
        self._pool = pool
        self._clock = clock
        self._retry_policy = retry_policy
        self._slots = asyncio.Semaphore(CONCURRENT_APPENDS_MAX)
        self._queries = load_queries("services.tokens")

    async def execute(self, command: StreamCommand[StateT, CommandT, FactT]) -> list[FactT]:
        """The facts recorded, none when the wish was already so.

        Raises what the domain refuses, ConstraintViolated, LogHalted, Busy, or DatabaseAway:
        after the last it is not known whether it was done.
        """
        command_id = new_command_id()
        deadline = self._clock.monotonic() + self._retry_policy.command_seconds_max
        for attempt in count():
            try:
                async with self._slot():
                    return await self._attempt(command, command_id)
            except errors.LogHalted as error:
                raise WritesHalted from error
            except _RETRIED as error:
                attempts_left = attempt + 1 < self._retry_policy.attempts_max
                if not attempts_left or self._clock.monotonic() > deadline:
                    raise (DatabaseUnavailable if isinstance(error, AWAY) else Busy) from error
            await asyncio.sleep(self._delay_seconds(attempt))
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
            commands = await command.commands(connection, state)
            facts = command.decider.decide_all(state, commands)
            if not facts:
                return []
            recorded_facts = await log.append(
                connection,
                command.stream,
                recorded[-1].version if recorded else 0,
                facts,
                command_id=command_id,
                actor=command.actor,
            )
        _log_appended(command, facts, recorded_facts[0].number)
        return facts

    async def _wait_for_pushes(self, connection: AnyConnection, integration: IntegrationId) -> None:
        milliseconds = round(self._retry_policy.barrier_seconds_max * 1000)
        await connection.execute(self._queries["limit_lock_wait"], f"{milliseconds}ms")
        try:
            await connection.execute(self._queries["lock_barrier"], integration)
        except asyncpg.LockNotAvailableError as error:
            raise LogBusy(str(error)) from error

    def _delay_seconds(self, attempt: int) -> float:
        """Full jitter: those who lost together shall not come back together."""
        longest = self._retry_policy.delay_seconds_min * 2**attempt
        most = min(self._retry_policy.delay_seconds_max, longest)
        return random.uniform(0, most)  # noqa: S311 — a pause is no secret


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
    """What an earlier attempt recorded whose answer was lost."""
    by_id = {one.event_id: one.fact for one in recorded}
    ids = (event_id(command_id, index) for index in count())
    return [by_id[own] for own in takewhile(by_id.__contains__, ids)]
