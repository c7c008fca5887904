"""Large bodies are validated in worker processes, with the same results as inline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest

from protocol.refusals import Refusal
from protocol.refusals.edge import ServiceUnavailable, ValidationTooLong
from protocol.schemas.compiled import TooExpensiveInline
from services.journal.bodies import decompress
from services.receiving.check import Job, check, run_job
from services.receiving.validation_workers import pool
from services.receiving.validation_workers.pool import (
    COSTLY_INLINE_BYTES_MAX,
    INLINE_WORK_MAX,
    JSON_INLINE_BYTES_MAX,
    ValidationWorkers,
    validates_inline,
)
from tests.ingest.gate import OK, VALID, ImportClient
from tests.ingest.journal import Journal

JSON, TRANSIT = "application/json", "application/transit+json"
PUSH, BATCH, VALIDATE = "/v2/import/push", "/v2/import/batch", "/v2/import/validate"

RECORD = {
    "client_id": 7,
    "table_name": "täble",
    "sequence": 2**63 - 1,
    "action": "upsert",
    "key_names": ["id"],
    "data": {"id": 1},
}
MESSAGE = {"action": "upsert", "sequence": 1, "data": {"id": 1}}


def push(**changes: Any) -> bytes:
    return json.dumps([RECORD | changes]).encode()


def batch(**changes: Any) -> bytes:
    whole = {"table_name": "t", "schema": {"properties": {}}, "messages": [MESSAGE], **changes}
    return json.dumps(whole).encode()


BODIES = [
    ("push", JSON, push()),
    ("push", JSON, push(table_name="a\0b")),
    ("push", JSON, push(table_name="")),
    ("push", JSON, push(client_id=None)),
    ("push", JSON, push(client_id=10**18)),
    ("push", JSON, push(unknown=1)),
    ("push", JSON, b'{"a":'),
    ("push", JSON, b"\xff"),
    ("push", TRANSIT, b'[["^ ","client_id",7]]'),
    ("batch", JSON, batch()),
    ("batch", JSON, batch(key_names=["id"])),
    ("batch", JSON, batch(schema={"properties": {"id": {"type": "string"}}})),
    ("batch", JSON, batch(schema={"type": "nothing"})),
    ("batch", JSON, batch(messages=[])),
    ("batch", JSON, b"[]"),
    ("validate", JSON, push()),
]


@pytest.fixture(scope="module")
async def workers() -> AsyncGenerator[ValidationWorkers]:
    opened = ValidationWorkers()
    yield opened
    await opened.close()


def answer_of(refusal: Refusal | None) -> tuple[Any, ...] | None:
    if refusal is None:
        return None
    return type(refusal), refusal.code, refusal.status, refusal.body, refusal.content_type


@pytest.mark.parametrize(("endpoint", "media_type", "body"), BODIES)
async def test_a_worker_gives_the_same_result_as_inline_validation(
    workers: ValidationWorkers, endpoint: str, media_type: str, body: bytes
) -> None:
    inline = check(endpoint, body, media_type)
    by_worker = await workers.validate(Job(endpoint, media_type, encode=True), body)

    assert [
        answer_of(by_worker.validated.refusal_before_owner_check),
        answer_of(by_worker.validated.refusal_after_owner_check),
    ] == [
        answer_of(inline.refusal_before_owner_check),
        answer_of(inline.refusal_after_owner_check),
    ]
    assert (
        by_worker.validated.records,
        by_worker.validated.tables,
        by_worker.validated.client_id,
    ) == (
        inline.records,
        inline.tables,
        inline.client_id,
    )
    assert by_worker.validated.append_only == inline.append_only
    assert by_worker.encoded == run_job(Job(endpoint, media_type, encode=True), body).encoded


async def test_what_is_only_validated_is_not_kept(workers: ValidationWorkers) -> None:
    assert (await workers.validate(Job("validate", JSON, encode=False), push())).encoded is None


def test_only_what_is_cheap_is_checked_where_it_arrives() -> None:
    costly, small = b" " * (COSTLY_INLINE_BYTES_MAX + 1), b" " * COSTLY_INLINE_BYTES_MAX
    counted = costly + b"multipleOf"

    assert validates_inline("push", costly, JSON)
    assert validates_inline("push", small, TRANSIT)
    assert validates_inline("batch", costly, JSON)
    assert validates_inline("push", b" " * JSON_INLINE_BYTES_MAX, JSON)
    assert not validates_inline("push", b" " * (JSON_INLINE_BYTES_MAX + 1), JSON)
    assert not validates_inline("push", costly, TRANSIT)
    assert not validates_inline("batch", counted, JSON)


async def test_a_check_that_takes_too_long_is_given_up_and_others_go_on() -> None:
    impatient = ValidationWorkers(validation_seconds_max=0.01)
    slow = b"[" + b'"~i1",' * 1_000_000 + b"1]"
    try:
        with pytest.raises(ValidationTooLong):
            await impatient.validate(Job("push", TRANSIT, encode=True), slow)
        impatient._validation_seconds_max = 60
        result = await impatient.validate(Job("push", JSON, encode=True), push())
    finally:
        await impatient.close()

    assert result.validated.refusal_after_owner_check is None


async def test_a_worker_that_dies_is_replaced() -> None:
    workers = ValidationWorkers()
    job = Job("push", JSON, encode=True)
    try:
        await workers.validate(job, push())
        (worker,) = workers._idle
        worker.kill()
        await worker.wait()
        with pytest.raises(ServiceUnavailable):
            await workers.validate(job, push())
        result = await workers.validate(job, push())
    finally:
        await workers.close()

    assert result.encoded is not None


async def test_a_worker_that_has_grown_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "RESIDENT_KILOBYTES_MAX", 1)
    workers = ValidationWorkers()
    try:
        await workers.validate(Job("push", JSON, encode=True), push())

        assert workers._idle == []
    finally:
        await workers.close()


async def test_large_bodies_are_taken_as_they_are(gate: ImportClient, journal: Journal) -> None:
    text = "x" * JSON_INLINE_BYTES_MAX
    records = orjson.dumps([gate.record(data={"id": 1, "text": text})])
    whole = batch(messages=[MESSAGE | {"data": {"id": 1, "text": text}}])

    assert (await gate.send(PUSH, records)).brief == OK
    assert (await gate.send(BATCH, whole)).brief == OK
    assert (await gate.send(VALIDATE, records)).brief == VALID
    assert [decompress(row["body"]) for row in await journal.bodies()] == [records, whole]
    assert [row["bytes"] for row in await journal.receipts()] == [len(records), len(whole)]


async def test_a_large_body_with_a_fault_is_refused_as_a_small_one(
    gate: ImportClient, journal: Journal
) -> None:
    text = "x" * JSON_INLINE_BYTES_MAX
    bad = orjson.dumps([gate.record(data={"id": None, "text": text})])
    answer = await gate.send(PUSH, bad)

    assert answer.status == 422
    assert answer.json["errors"] == [{"reason": {"data": ["keys cannot not be null in data"]}}]
    assert await journal.count() == 0


async def test_a_small_batch_with_a_dear_schema_is_checked_beside_too(
    gate: ImportClient, journal: Journal
) -> None:
    """Thirteen definitions that mention the one before twice are thousands of checks a record."""
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for n in range(1, 13):
        before = {"$ref": f"#/definitions/d{n - 1}"}
        definitions[f"d{n}"] = {"allOf": [before, before]}
    schema = {"definitions": definitions, "properties": {"a": {"$ref": "#/definitions/d12"}}}
    messages = [MESSAGE | {"data": {"a": "x"}}] * 1_000
    body = batch(schema=schema, messages=messages)
    bad = batch(schema=schema, messages=[*messages, MESSAGE | {"data": {"a": 1}}])

    assert validates_inline("batch", body, JSON)
    with pytest.raises(TooExpensiveInline):
        check("batch", body, JSON, work_max=INLINE_WORK_MAX)
    assert (await gate.send(BATCH, body)).brief == OK
    answer = await gate.send(BATCH, bad)
    assert answer.json["error"].startswith("Record 1000 did not conform to schema: #/a")
    assert await journal.count() == 1


async def test_nobody_waits_for_the_worst_body(gate: ImportClient) -> None:
    """More than a second of work, in a body of the costliest kind."""
    record = ["^ "]
    for name, value in gate.record(data=["^ ", "id", 1, "a", ["~i1"] * 200]).items():
        record += [name, value]
    body = b"[" + b",".join([orjson.dumps(record)] * 700) + b"]"
    loop = asyncio.get_running_loop()
    took: list[float] = []
    worst = asyncio.create_task(gate.send(PUSH, body, content_type=TRANSIT))
    while not worst.done():
        began = loop.time()
        assert (await gate.push(gate.record(sequence=len(took)))).brief == OK
        took.append(loop.time() - began)

    assert (await worst).brief == OK
    assert len(took) > 10
    # Single steps are short; what else this machine does is in it too.
    assert sorted(took)[len(took) // 2] < 0.1
    assert max(took) < 1.0
