"""Receipts against facts: what breaks the barrier of promise 2 is found, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import product
from typing import NamedTuple

import pytest
from asyncpg import Connection, Record

from events import log
from events.ids import new_batch_id, new_command_id
from events.sql_files import load_queries
from events.types import (
    Fact,
    IntegrationDeleted,
    IntegrationPaused,
    IntegrationRenamed,
    IntegrationResumed,
    TokenGenerated,
    TokenRevoked,
)
from services.runtime.database import connect
from tests.database.fixtures import RoleUrl
from tests.events.facts import created, token

PAUSED = IntegrationPaused(paused_at="2019-06-01")
RESUMED = IntegrationResumed()

# Two integrations, one appended after the other in turn, so that their numbers interleave.
LIVES: list[tuple[int, Fact]] = [
    (5, created(5)),
    (6, created(6)),
    (5, token(51)),
    (6, token(61)),
    (5, PAUSED),
    (6, IntegrationRenamed(display_name="x")),
    (5, PAUSED),
    (5, RESUMED),
    (5, token(52)),
    (6, PAUSED),
    (5, TokenRevoked(token_id=51)),
    (6, IntegrationDeleted()),
    (5, IntegrationRenamed(display_name="y")),
    (5, PAUSED),
    (6, TokenRevoked(token_id=61)),
]
SIZE = len(LIVES)


class Admission(NamedTuple):
    integration_id: int
    token_id: int
    log_size: int


# Every admission that can be thought of, wrong pairs and sizes beyond the log too.
THINKABLE = [Admission(*one) for one in product((5, 6), (51, 52, 61, 99), range(1, SIZE + 3))]


def was_right(admission: Admission) -> bool:
    """As a reader of the log's first ``log_size`` facts would say it, one by one."""
    tokens: set[int] = set()
    state = "active"
    for integration_id, fact in LIVES[: admission.log_size]:
        if integration_id != admission.integration_id:
            continue
        match fact:
            case TokenGenerated(token_id=token_id):
                tokens.add(token_id)
            case TokenRevoked(token_id=token_id):
                tokens.discard(token_id)
            case IntegrationPaused() | IntegrationDeleted():
                state = "closed"
            case IntegrationResumed():
                state = "active"
            case _:
                pass
    return state == "active" and admission.token_id in tokens and admission.log_size <= SIZE


@pytest.fixture
async def auditor(
    role_url: RoleUrl, writer: Connection[Record]
) -> AsyncGenerator[Connection[Record]]:
    """Of the history's role, on a log with the lives above."""
    for integration_id, fact in LIVES:
        command_id, stream = new_command_id(), f"integration/{integration_id}"
        await log.append(writer, stream, None, [fact], command_id=command_id, actor="system")
    connection = await connect(role_url("pushgate_history"), application_name="test auditor")
    yield connection
    await connection.close()


async def keep_receipts(owner: Connection[Record], admissions: list[Admission]) -> None:
    await owner.executemany(
        "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
        " records, bytes, body_sha256, received_at, log_size)"
        " VALUES ($1, $2, $3, 'push', '{t}', 1, 1, sha256(''), now(), $4)",
        [(new_batch_id(place), *one) for place, one in enumerate(admissions)],
    )


async def outside(auditor: Connection[Record], *, most: int = 10_000) -> list[Admission]:
    rows = await auditor.fetch(load_queries("services.history")["receipts_outside"], SIZE, most)
    return [Admission(*(row[name] for name in Admission._fields)) for row in rows]


async def test_exactly_the_wrong_receipts_are_found(
    auditor: Connection[Record], database: Connection[Record]
) -> None:
    await keep_receipts(database, THINKABLE)
    expected = [one for one in THINKABLE if not was_right(one)]
    assert 0 < len(expected) < len(THINKABLE)

    assert await outside(auditor) == expected


async def test_right_receipts_are_right_however_many(
    auditor: Connection[Record], database: Connection[Record]
) -> None:
    await keep_receipts(database, [one for one in THINKABLE if was_right(one)] * 3)

    assert await outside(auditor) == []


async def test_a_long_list_is_cut(
    auditor: Connection[Record], database: Connection[Record]
) -> None:
    wrong = Admission(5, 99, 3)
    await keep_receipts(database, [wrong] * 20)

    assert await outside(auditor, most=7) == [wrong] * 7


async def test_a_receipt_is_named_by_its_batch(
    auditor: Connection[Record], database: Connection[Record]
) -> None:
    await keep_receipts(database, [Admission(5, 99, 3)])

    (row,) = await auditor.fetch(load_queries("services.history")["receipts_outside"], SIZE, 10)

    assert row["id"] == str(await database.fetchval("SELECT batch_id FROM journal.receipts"))


async def test_receipts_are_counted(
    auditor: Connection[Record], database: Connection[Record]
) -> None:
    await keep_receipts(database, THINKABLE)

    count = await auditor.fetchval(load_queries("services.history")["receipts_count"])

    assert count == len(THINKABLE)
