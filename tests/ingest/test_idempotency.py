"""The same request sent again is taken once, and answered as the first was (wire contract 4.7)."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import orjson
import pytest
from asyncpg import Connection, Record

from protocol.refusals.edge import IdempotencyKeyReused
from protocol.token_text import token_hash
from protocol.validation import Validated
from services.ingest.admission import admit
from services.ingest.reporting.access_log import AccessLog
from services.ingest.reporting.commit_reporter import CommitReporter
from services.ingest.reporting.usage_stats import UsageStats
from services.ingest.token_cache.cache import TokenCache
from services.journal.candidates import Candidate, IdempotencyKey
from services.journal.commit.transaction import GroupTransaction
from services.runtime.clock import SystemClock
from services.runtime.database import connect
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually
from tests.ingest.cable import Cable
from tests.ingest.conftest import Serve
from tests.ingest.gate import OK, Answer, ImportClient
from tests.ingest.journal import Journal

BATCH = "/v2/import/batch"
PUSH = "/v2/import/push"
REUSED = (400, b'{"error":"Idempotency-Key was used before with a different body"}')


def body_of(**changes: Any) -> bytes:
    """A batch without keys."""
    batch = {
        "table_name": "events",
        "schema": {"properties": {"what": {"type": "string"}}},
        "messages": [{"action": "upsert", "sequence": 1, "data": {"what": "x"}}],
    }
    return orjson.dumps(batch | changes)


async def briefs(*sent: asyncio.Task[Answer] | Any) -> list[tuple[int, bytes]]:
    return [answer.brief for answer in await asyncio.gather(*sent)]


@pytest.mark.parametrize("changes", [{}, {"key_names": []}], ids=["no key_names", "empty ones"])
async def test_a_batch_without_keys_is_taken_once(
    gate: ImportClient, journal: Journal, changes: dict[str, Any]
) -> None:
    body = body_of(**changes)
    first, again = await gate.send(BATCH, body), await gate.send(BATCH, body)
    other = await gate.send(BATCH, body_of(**changes) + b" ")

    assert [each.brief for each in (first, again, other)] == [OK] * 3
    assert await journal.count() == len(await journal.bodies()) == len(await journal.pending()) == 2


async def test_a_repeat_after_a_rotation_is_one_too(
    gate: ImportClient,
    journal: Journal,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    assert integration.token is not None
    await gate.send(BATCH, body_of())
    second = await use_cases.integrations.generate_token(caller, integration.integration_id)
    await use_cases.integrations.revoke_token(
        caller, integration.integration_id, integration.token.token_id
    )

    assert (await gate.send(BATCH, body_of(), token=second.access_token)).brief == OK
    assert await journal.count() == 1


async def test_what_has_keys_is_taken_each_time(gate: ImportClient, journal: Journal) -> None:
    """Its sequence decides when it is loaded."""
    keyed = body_of(key_names=["what"])
    record = orjson.dumps([gate.record()])

    sent = [await gate.send(path, body) for path, body in [(BATCH, keyed), (PUSH, record)] * 2]

    assert [answer.brief for answer in sent] == [OK] * 4
    assert await journal.count() == 4


async def test_of_many_at_once_one_is_taken(gate: ImportClient, journal: Journal) -> None:
    """Some of them meet in one group, some in parallel groups; others come between."""
    others = [gate.push(gate.record(sequence=n)) for n in range(8)]
    same = [gate.send(BATCH, body_of()) for _ in range(24)]
    named = [gate.send(PUSH, orjson.dumps([gate.record()]), Idempotency_Key="n") for _ in range(8)]

    assert await briefs(*same, *others, *named) == [OK] * 40
    assert await journal.count() == 10
    received = [row["received_at"] for row in await journal.receipts()]
    assert received == sorted(set(received))


async def test_two_integrations_may_send_the_same(
    gate: ImportClient, journal: Journal, use_cases: UseCases, caller: Caller
) -> None:
    other = await use_cases.integrations.create(caller, "Sends the same", with_token=True)
    assert other.token is not None
    await gate.send(BATCH, body_of())
    await gate.send(BATCH, body_of(), token=other.token.access_token)

    assert await journal.count() == 1
    assert await Journal(journal._owner, other.integration_id).count() == 1


async def test_a_named_request_is_taken_once(gate: ImportClient, journal: Journal) -> None:
    body = orjson.dumps([gate.record()])
    for _ in range(2):
        assert (await gate.send(PUSH, body, Idempotency_Key="order 1")).brief == OK
    assert await journal.count() == 1
    assert (await gate.send(PUSH, body, Idempotency_Key="order 2")).brief == OK
    assert (await gate.send(PUSH, body)).brief == OK

    assert await journal.count() == 3


async def test_a_name_says_more_than_the_bytes(gate: ImportClient, journal: Journal) -> None:
    """Who names two requests differently means two."""
    for name in ("1", "2"):
        assert (await gate.send(BATCH, body_of(), Idempotency_Key=name)).brief == OK

    assert await journal.count() == 2


async def test_a_name_cannot_be_used_for_another_body(gate: ImportClient, journal: Journal) -> None:
    assert (await gate.send(BATCH, body_of(), Idempotency_Key="1")).brief == OK
    other = body_of(table_name="other")

    assert (await gate.send(BATCH, other, Idempotency_Key="1")).brief == REUSED
    assert await journal.count() == 1


async def test_a_refusal_is_not_remembered(gate: ImportClient, journal: Journal) -> None:
    bad = orjson.dumps([gate.record(table_name="")])
    assert (await gate.send(PUSH, bad, Idempotency_Key="1")).status == 422
    corrected = orjson.dumps([gate.record()])

    assert (await gate.send(PUSH, corrected, Idempotency_Key="1")).brief == OK
    assert await journal.count() == 1


async def test_a_name_of_any_length_and_alphabet_is_one(
    gate: ImportClient, journal: Journal
) -> None:
    for name in ("x" * 4_000, "ä", '"quoted"', "\\N"):
        for _ in range(2):
            assert (await gate.send(BATCH, body_of(), Idempotency_Key=name)).brief == OK

    assert await journal.count() == 4


async def test_the_window_is_a_setting(serve: Serve, gate: ImportClient, journal: Journal) -> None:
    async with serve(repeat_hours=0) as running:
        gate.url = running.url
        for _ in range(2):
            assert (await gate.send(BATCH, body_of())).brief == OK
            assert (await gate.send(BATCH, body_of(), Idempotency_Key="1")).brief == OK

    assert await journal.count() == 3


async def test_what_was_long_ago_is_new(
    gate: ImportClient,
    journal: Journal,
    owner: Connection[Record],
    integration: CreatedIntegration,
) -> None:
    await gate.send(BATCH, body_of())
    await owner.execute(
        "UPDATE journal.repeats SET until = now() - interval '1 minute' WHERE integration_id = $1",
        integration.integration_id,
    )
    for _ in range(2):
        assert (await gate.send(BATCH, body_of())).brief == OK

    assert await journal.count() == 2


async def test_a_commit_whose_answer_was_lost_is_no_repeat_of_itself(
    serve: Serve, shared_url: RoleUrl, gate: ImportClient, journal: Journal
) -> None:
    async with (
        Cable(shared_url("pushgate_ingest")).laid() as cable,
        serve(database_url=cable.url) as running,
    ):
        gate.url = running.url
        await gate.push(gate.record())
        cable.swallow_answers()
        sent = asyncio.create_task(gate.send(BATCH, body_of()))

        async def stored() -> bool:
            return await journal.count() == 2

        await eventually(stored)
        cable.cut()
        cable.repair()

        assert (await sent).brief == OK
        assert (await gate.send(BATCH, body_of())).brief == OK
    assert await journal.count() == 2


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "next to one with keys"])
async def test_a_group_that_is_asked_about_says_what_it_did(
    shared_url: RoleUrl, journal: Journal, integration: CreatedIntegration, others: int
) -> None:
    """It was committed, its connection broke, and it is sent again with the same ids."""
    assert integration.token is not None
    clock = SystemClock()
    transaction = GroupTransaction(
        TokenCache(), admit, CommitReporter(AccessLog(clock), UsageStats()), clock=clock
    )
    hashed = token_hash(integration.token.access_token)
    new = candidate(hashed, b"new", IdempotencyKey(b"n" * 32, 60))
    named = candidate(hashed, b"first", IdempotencyKey(b"k" * 32, 60))
    reused = candidate(hashed, b"second", IdempotencyKey(b"k" * 32, 60))
    again = candidate(hashed, b"first", IdempotencyKey(b"k" * 32, 60))
    connection = await connect(shared_url("pushgate_ingest"), application_name="test")
    await transaction.prepare(connection)
    assert await transaction.commit(connection, [named]) == [None]
    group = [reused, *[candidate(hashed, b"keyed", None)] * others, new, again]
    attempt = transaction._decide(group)

    committed = await transaction._write(connection, attempt)
    settled = await transaction.resolve(connection, attempt)
    await connection.close()

    assert [type(each) for each in settled] == [type(each) for each in committed.outcomes]
    assert [type(each) for each in settled] == [
        IdempotencyKeyReused,
        *[type(None)] * others,
        type(None),
        type(None),
    ]
    assert await journal.count() == 2 + others


def candidate(hashed: bytes, body: bytes, key: IdempotencyKey | None) -> Candidate:
    return Candidate(
        token_hash=hashed,
        endpoint="batch",
        validated=Validated(1, (("t", 1),), None, None, None),
        media_type="application/json",
        body=body,
        body_bytes=len(body),
        body_sha256=hashlib.sha256(body).digest(),
        peer=None,
        idempotency_key=key,
    )
