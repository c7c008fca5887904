"""Revoking and pausing are barriers (design, promise 2), shown by histories.

Eight connections push without pause while somebody else revokes, pauses and resumes. Recorded are
when each push and each call began and ended; the receipts record how long the log was when a push
was let in, which anybody can check later with integers alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from time import perf_counter
from typing import NamedTuple

import pytest
from asyncpg import Connection, Record

from services.tokens.domain.commands import PauseIntegration, ResumeIntegration
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.eventually import eventually
from tests.ingest.gate import NOT_ACTIVE, NOT_AUTHORIZED, OK, ImportClient
from tests.ingest.journal import Journal
from tests.rounds import rounds

CONNECTIONS = 8
ROUNDS = rounds(small=12, full=1000)
# Each of the connections a few times.
TAKEN_BEFORE = 16
REFUSED_AFTER = 16

OUTSIDE_A_TOKENS_LIFE = """
SELECT count(*) FROM journal.receipts r
  JOIN ledger.event g ON g.type = 'TokenGenerated'
   AND (g.record -> 'data' ->> 'token_id')::int = r.token_id
  LEFT JOIN ledger.event e ON e.type = 'TokenRevoked'
   AND (e.record -> 'data' ->> 'token_id')::int = r.token_id
 WHERE r.integration_id = $1
   AND NOT (g.number < r.log_size AND r.log_size <= coalesce(e.number, 'Infinity'::float8))
"""
# The last event in the log before a receipt's own place in it; few places, however many receipts.
WHILE_PAUSED = """
WITH places AS (
    SELECT DISTINCT log_size FROM journal.receipts WHERE integration_id = $1
), events_before AS MATERIALIZED (
    SELECT number, type FROM ledger.event
     WHERE stream = 'integration/' || $1 AND type IN ('IntegrationPaused', 'IntegrationResumed')
)
SELECT count(*) FROM places CROSS JOIN LATERAL (
    SELECT type FROM events_before WHERE number < log_size ORDER BY number DESC LIMIT 1) AS last
 WHERE last.type = 'IntegrationPaused'
"""


class Push(NamedTuple):
    began: float
    ended: float
    brief: tuple[int, bytes]


class History:
    """What the connections saw, in order of their ends."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []

    def count(self, brief: tuple[int, bytes]) -> int:
        return sum(push.brief == brief for push in self.pushes)

    def begun_after(self, moment: float) -> set[tuple[int, bytes]]:
        return {push.brief for push in self.pushes if push.began >= moment}

    def ended_before(self, moment: float) -> set[tuple[int, bytes]]:
        return {push.brief for push in self.pushes if push.ended <= moment}

    def within(self, began: float, ended: float) -> set[tuple[int, bytes]]:
        return {p.brief for p in self.pushes if p.began >= began and p.ended <= ended}


@contextlib.asynccontextmanager
async def pushing(gate: ImportClient, token: str) -> AsyncGenerator[History]:
    """Every connection sends its next push as soon as the last one is answered."""
    history = History()
    going = True

    async def push_on() -> None:
        while going:
            began = perf_counter()
            answer = await gate.push(gate.record(), token=token)
            history.pushes.append(Push(began, perf_counter(), answer.brief))

    async with asyncio.TaskGroup() as connections:
        for _ in range(CONNECTIONS):
            connections.create_task(push_on())
        try:
            yield history
        finally:
            going = False


async def seen(history: History, brief: tuple[int, bytes], *, more: int) -> None:
    enough = history.count(brief) + more

    async def is_enough() -> bool:
        return history.count(brief) >= enough

    await eventually(is_enough)


@pytest.mark.timeout(3600)
async def test_no_push_is_let_in_after_its_token_was_revoked(
    gate: ImportClient,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
    owner: Connection[Record],
    journal: Journal,
) -> None:
    taken = 0
    async with pushing(gate, gate.token) as bystander:
        for _ in range(ROUNDS):
            generated = await use_cases.integrations.generate_token(
                caller, integration.integration_id
            )
            async with pushing(gate, generated.access_token) as history:
                await seen(history, OK, more=TAKEN_BEFORE)
                revoking = perf_counter()
                await use_cases.integrations.revoke_token(
                    caller, integration.integration_id, generated.token_id
                )
                revoked = perf_counter()
                await seen(history, NOT_AUTHORIZED, more=REFUSED_AFTER)
            taken += history.count(OK)

            assert history.ended_before(revoking) == {OK}
            assert history.begun_after(revoked) == {NOT_AUTHORIZED}
            assert history.within(0, perf_counter()) == {OK, NOT_AUTHORIZED}

    # The integration's other token never delayed anything.
    assert bystander.ended_before(perf_counter()) == {OK}
    assert await owner.fetchval(OUTSIDE_A_TOKENS_LIFE, integration.integration_id) == 0
    assert await journal.count() == taken + bystander.count(OK)


@pytest.mark.timeout(3600)
async def test_no_push_is_let_in_while_its_integration_is_paused(
    gate: ImportClient,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
    owner: Connection[Record],
    journal: Journal,
) -> None:
    pause = PauseIntegration(paused_at="2026-11-23T12:00:00Z")
    change = use_cases.integrations.change
    async with pushing(gate, gate.token) as history:
        resumed = 0.0
        for _ in range(ROUNDS):
            await seen(history, OK, more=TAKEN_BEFORE)
            pausing = perf_counter()
            await change(caller, integration.integration_id, [pause])
            paused = perf_counter()
            await seen(history, NOT_ACTIVE, more=REFUSED_AFTER)
            resuming = perf_counter()

            assert history.within(resumed, pausing) == {OK}
            assert history.within(paused, resuming) == {NOT_ACTIVE}
            await change(caller, integration.integration_id, [ResumeIntegration()])
            resumed = perf_counter()

    assert await owner.fetchval(WHILE_PAUSED, integration.integration_id) == 0
    assert await journal.count() == history.count(OK)
