"""A good request is taken: answered 201, and then everything about it is in the journal."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from asyncpg import Connection, Record

from events import log
from services.journal.bodies import decompress
from services.tokens.use_cases.integrations import CreatedIntegration
from tests.ingest.gate import OK, VALID, ImportClient
from tests.ingest.journal import Journal

BATCH: dict[str, Any] = {
    "table_name": "customers",
    "schema": {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}},
    "messages": [{"action": "upsert", "sequence": 1, "data": {"id": 1, "name": "Finn"}}],
    "key_names": ["id"],
}


async def test_a_push_is_taken(gate: ImportClient) -> None:
    answer = await gate.push(gate.record())

    assert answer.brief == OK
    assert answer.headers["Content-Type"] == "application/json"


async def test_a_batch_is_taken(gate: ImportClient) -> None:
    assert (await gate.batch(BATCH)).brief == OK


async def test_a_receipt_says_what_was_taken_and_how_long_the_log_was(
    gate: ImportClient,
    integration: CreatedIntegration,
    journal: Journal,
    owner: Connection[Record],
) -> None:
    body = orjson.dumps([gate.record(), gate.record(table_name="orders"), gate.record(sequence=2)])
    await gate.send("/v2/import/push", body)
    (receipt,) = await journal.receipts()

    assert integration.token is not None
    assert {name: receipt[name] for name in receipt.keys() - {"number", "batch_id"}} == {
        "integration_id": integration.integration_id,
        "token_id": integration.token.token_id,
        "endpoint": "push",
        "tables": ["customers", "orders"],
        "records": 3,
        "bytes": len(body),
        "body_sha256": hashlib.sha256(body).digest(),
        "received_at": receipt["received_at"],
        "log_size": await log.size(owner),
        "peer": "127.0.0.1",
    }


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer: ", "Bearer   ", "Bearer\t"])
async def test_the_scheme_is_read_as_people_write_it(gate: ImportClient, scheme: str) -> None:
    body = orjson.dumps([gate.record()])
    answer = await gate.send(
        "/v2/import/push", body, token="", Authorization=f"{scheme}{gate.token}"
    )

    assert answer.brief == OK


async def test_the_body_is_kept_byte_for_byte(gate: ImportClient, journal: Journal) -> None:
    body = b" " + orjson.dumps([gate.record()]) + b"\n"
    await gate.send("/v2/import/push", body, content_type="Application/JSON; charset=utf-8")
    (stored,) = await journal.bodies()

    assert (stored["media_type"], decompress(stored["body"])) == ("application/json", body)


async def test_the_loader_finds_one_piece_of_work_for_each_table(
    gate: ImportClient, journal: Journal
) -> None:
    await gate.push(gate.record(), gate.record(table_name="orders"), gate.record(sequence=2))
    (receipt,) = await journal.receipts()

    assert [
        (work["place"], work["table_name"], work["records"], work["number"])
        for work in await journal.pending()
    ] == [(0, "customers", 2, receipt["number"]), (1, "orders", 1, receipt["number"])]


async def test_times_of_receipt_and_batch_ids_grow_with_the_numbers(
    gate: ImportClient, journal: Journal
) -> None:
    for sequence in range(5):
        await gate.push(gate.record(sequence=sequence))
    moments = [receipt["received_at"] for receipt in await journal.receipts()]

    assert moments == sorted(set(moments))


async def test_a_body_lies_in_the_partition_of_its_day(
    gate: ImportClient, journal: Journal
) -> None:
    await gate.push(gate.record())
    (stored,) = await journal.bodies()

    assert stored["lies_in"] == stored["of_its_day"]


@pytest.mark.parametrize(
    "name",
    [
        'x"; DROP SCHEMA journal CASCADE; --',
        "'; SELECT 1",
        "{a,b}",
        "a\\",
        '\\"',
        "NULL",
        "a,b",
        "Ünïcödé 🦀",
        "line\nbreak",
        pytest.param("x" * 6_000, id="long"),
    ],
)
async def test_any_table_name_arrives_as_it_was_sent(
    gate: ImportClient, journal: Journal, name: str
) -> None:
    answer = await gate.push(gate.record(table_name=name), gate.record(table_name="other"))
    (receipt,) = await journal.receipts()

    assert answer.brief == OK
    assert receipt["tables"] == [name, "other"]
    assert [work["table_name"] for work in await journal.pending()] == [name, "other"]


async def test_a_nul_in_a_table_name_is_dropped(gate: ImportClient, journal: Journal) -> None:
    await gate.push(gate.record(table_name="a\0b"), gate.record(table_name="ab"))
    (receipt,) = await journal.receipts()

    assert receipt["tables"] == ["ab"]


async def test_validate_checks_and_stores_nothing(gate: ImportClient, journal: Journal) -> None:
    answer = await gate.send("/v2/import/validate", orjson.dumps([gate.record()]))

    assert answer.brief == VALID
    assert await journal.count() == 0


async def test_transit_is_taken_by_push(gate: ImportClient, journal: Journal) -> None:
    body = (
        '[["^ ","action","upsert","table_name","customers","key_names",["id"],'
        f'"sequence",1,"data",["^ ","id",1],"client_id",{gate.client_id}]]'
    )
    answer = await gate.send(
        "/v2/import/push", body.encode(), content_type="application/transit+json"
    )
    (stored,) = await journal.bodies()

    assert answer.brief == OK
    assert stored["media_type"] == "application/transit+json"


async def test_status_is_fine(gate: ImportClient) -> None:
    answer = await gate.send("/v2/import/status", b"", method="GET", token="", content_type=None)

    assert answer.status == 200
    assert list(answer.json) == ["name", "version", "revision", "status", "reason"]
    assert (answer.json["name"], answer.json["status"], answer.json["reason"]) == (
        "pipeline.gate",
        "OK",
        None,
    )
