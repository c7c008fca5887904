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
from typing import Any, Generic, TypeVar, cast

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
from services.tokens.domain.decider import Decider
from services.tokens.limits import APPENDS_AT_ONCE_MAX, Patience
from services.tokens.refusals import Busy, DatabaseAway, LogHalted

StateT = TypeVar("StateT")
CommandT = TypeVar("CommandT")
FactT = TypeVar("FactT", bound=Fact)

_AGAIN = (StreamMoved, EventConflict, LogBusy, *AWAY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish(Generic[StateT, CommandT, FactT]):
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


class Appender:
    """One for a process: it bounds how many of its appends queue at the log's lock."""

    def __init__(self, pool: Pool[Record], clock: Clock, patience: Patience) -> None:
        self._pool = pool
        self._clock = clock
        self._patience = patience
        self._turns = asyncio.Semaphore(APPENDS_AT_ONCE_MAX)
        self._queries = load_queries("services.tokens")

    async def carry_out(self, wish: Wish[StateT, CommandT, FactT]) -> list[FactT]:
        """The facts recorded, none when the wish was already so.

        Raises what the domain refuses, ConstraintViolated, LogHalted, Busy, or DatabaseAway:
        after the last it is not known whether it was done.
        """
        command_id = new_command_id()
        deadline = self._clock.monotonic() + self._patience.command_seconds_max
        for attempt in count():
            try:
                async with self._turn():
                    return await self._attempt(wish, command_id)
            except errors.LogHalted as error:
                raise LogHalted from error
            except _AGAIN as error:
                attempts_left = attempt + 1 < self._patience.attempts_max
                if not attempts_left or self._clock.monotonic() > deadline:
                    raise (DatabaseAway if isinstance(error, AWAY) else Busy) from error
            await asyncio.sleep(self._pause_seconds(attempt))
        raise AssertionError("the loop above ends by itself")

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience.command_seconds_max):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy from None
        try:
            yield
        finally:
            self._turns.release()

    async def _attempt(
        self, wish: Wish[StateT, CommandT, FactT], command_id: CommandId
    ) -> list[FactT]:
        async with self._pool.acquire() as connection, connection.transaction():
            if wish.barrier is not None:
                await self._raise_barrier(connection, wish.barrier)
            recorded = await log.read_stream(connection, wish.stream)
            if done := _done_before(recorded, command_id):
                return cast("list[FactT]", done)
            state = wish.decider.fold(cast("FactT", one.fact) for one in recorded)
            commands = await wish.commands(connection, state)
            facts = wish.decider.decide_all(state, commands)
            if not facts:
                return []
            places = await log.append(
                connection,
                wish.stream,
                recorded[-1].version if recorded else 0,
                facts,
                command_id=command_id,
                actor=wish.actor,
            )
        _tell(wish, facts, places[0].number)
        return facts

    async def _raise_barrier(self, connection: AnyConnection, integration: IntegrationId) -> None:
        milliseconds = round(self._patience.barrier_seconds_max * 1000)
        await connection.execute(self._queries["limit_lock_wait"], f"{milliseconds}ms")
        try:
            await connection.execute(self._queries["raise_barrier"], integration)
        except asyncpg.LockNotAvailableError as error:
            raise LogBusy(str(error)) from error

    def _pause_seconds(self, attempt: int) -> float:
        """Full jitter: those who lost together shall not come back together."""
        longest = self._patience.pause_seconds_min * 2**attempt
        most = min(self._patience.pause_seconds_max, longest)
        return random.uniform(0, most)  # noqa: S311 — a pause is no secret


def _tell(wish: Wish[Any, Any, Any], facts: Sequence[Fact], number: int) -> None:
    names = [type(fact).__name__ for fact in facts]
    Log().info("facts.appended", stream=wish.stream, number=number, facts=names, actor=wish.actor)
    for name in names:
        metrics.TOKENS_APPENDS.labels(name).inc()


def _done_before(recorded: Sequence[log.Recorded], command_id: CommandId) -> list[Fact]:
    """What an earlier attempt recorded whose answer was lost."""
    by_id = {one.event_id: one.fact for one in recorded}
    ids = (event_id(command_id, index) for index in count())
    return [by_id[own] for own in takewhile(by_id.__contains__, ids)]
