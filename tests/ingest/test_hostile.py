"""Hostile inputs that are about a whole request; all thirty are in hostile_inputs.txt."""

from __future__ import annotations

import asyncio
import json
from typing import get_args

import orjson
import pytest
import structlog

from protocol.token_text import token_text
from services.journal.bodies import decompress
from services.runtime.logs import LogEvent
from services.tokens.use_cases.integrations import CreatedIntegration
from tests.ingest.conftest import Serve
from tests.ingest.gate import NOT_AUTHORIZED, OK, ImportClient, send_raw
from tests.ingest.journal import Journal

PUSH = "/v2/import/push"
EXACT = "18446744073709551616"


@pytest.mark.parametrize("piece", [b"[],", b"{},"])
async def test_hostile_03_18_megabytes_of_nothing_cannot_be_used_to_fill_memory(
    gate: ImportClient, journal: Journal, piece: bytes
) -> None:
    answer = await gate.send(PUSH, b"[" + piece * 6_000_000 + b"1]")

    assert answer.status == 400
    assert b"objects and arrays" in answer.body
    assert await journal.count() == 0


@pytest.mark.parametrize("number", [EXACT, "1.000000000000000000005", "1e130000", "1e131073"])
async def test_hostile_04_05_06_a_number_is_kept_as_it_was_written(
    gate: ImportClient, journal: Journal, number: str
) -> None:
    """What a column can hold of it is decided when it is loaded."""
    body = orjson.dumps([gate.record(data={"id": 1, "x": 10})]).replace(
        b":10", b":" + number.encode()
    )

    assert (await gate.send(PUSH, body)).brief == OK
    assert decompress((await journal.bodies())[0]["body"]) == body


@pytest.mark.parametrize(
    "body",
    [
        b'[{"data":{"id":NaN}}]',
        b'[{"data":{"id":Infinity}}]',
        b'[{"data":{"id":1},}]',
        b'[{"data":{"id":1}}]//',
        b"\xef\xbb\xbf[]",
        b"[{'data':1}]",
        b'[{"data":{"id":"\\ud800"}}]',
        b'[{"data":{"id":"\xc0\xaf"}}]',
        b'[{"data":{"id":"\xff"}}]',
    ],
)
async def test_hostile_07_10_what_is_no_json_is_refused(gate: ImportClient, body: bytes) -> None:
    answer = await gate.send(PUSH, body)

    assert (answer.status, answer.json["message"]) == (400, "Malformed json in the body!")


@pytest.mark.parametrize(
    "headers",
    [
        b"X: " + b"y" * 9_000 + b"\r\n",
        b"X: y\r\n" * 20_000,
        (b"X: " + b"y" * 8_000 + b"\r\n") * 200,
    ],
    ids=["one of 9 KB", "20,000 of them", "1.6 MB in all"],
)
async def test_hostile_21_too_many_headers_are_refused_at_once(
    gate: ImportClient, headers: bytes
) -> None:
    head = b"POST /v2/import/push HTTP/1.1\r\nHost: x\r\n"

    assert (await send_raw(gate.url, head + headers + b"\r\n")).startswith(b"HTTP/1.0 400 ")


async def test_hostile_25_a_flood_of_tokens_that_nobody_knows_is_refused(
    gate: ImportClient, serve: Serve
) -> None:
    record = gate.record()
    async with serve() as served:
        gate.url = served.url
        answers = await asyncio.gather(
            *(gate.push(record, token=token_text("at_", number)) for number in range(1, 200))
        )

    assert {answer.brief for answer in answers} == {NOT_AUTHORIZED}


async def test_hostile_26_a_request_cannot_write_lines_into_the_log(
    gate: ImportClient,
    serve: Serve,
    integration: CreatedIntegration,
    capsys: pytest.CaptureFixture[str],
) -> None:
    structlog.reset_defaults()
    line = '\n{"level":"info","event":"batch.accepted"}\n'
    async with serve() as served:
        gate.url = served.url
        await gate.push(gate.record(table_name=line))
        await gate.push(gate.record(action=line))
        await gate.send(
            f"{PUSH}?x=%0a%7b", b"[]", X_Request_Id='{"event":"x"}', Idempotency_Key="{"
        )
        await gate.push(gate.record(), token='{"event":"x"}')
    said = [text for text in capsys.readouterr().out.splitlines() if text.startswith("{")]
    lines = [json.loads(text) for text in said]
    number = integration.integration_id

    # Lines of neighbours and of the program itself are in the same log.
    assert [each["event"] for each in lines if each.get("integration_id") == number] == [
        "batch.accepted",
        *["batch.refused"] * 2,
    ]
    assert "token_mangled" in [each.get("code") for each in lines]
    assert {each["event"] for each in lines} <= set(get_args(LogEvent))
    assert all("\\n" not in text for text in said)


async def test_hostile_29_one_push_of_20000_tables_is_taken_and_counted(
    gate: ImportClient, journal: Journal
) -> None:
    """What they cost in the destination is bounded there, by tables of an integration."""
    records = [gate.record(table_name=f"t{number}") for number in range(20_000)]

    assert (await gate.push(*records)).brief == OK
    assert len(await journal.pending()) == 20_000


async def test_hostile_30_one_key_20000_times_with_the_highest_sequence(
    gate: ImportClient, journal: Journal
) -> None:
    assert (await gate.push(*[gate.record(sequence=2**63 - 1)] * 20_000)).brief == OK
    assert await journal.count() == 1
