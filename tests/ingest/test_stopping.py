"""A stop in order: what was accepted is committed, what was not is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from tests.eventually import eventually
from tests.ingest.conftest import Serve
from tests.ingest.gate import OK, UNAVAILABLE, Answer, ImportClient, Served
from tests.ingest.journal import Journal


@pytest.fixture
async def ingest(serve: Serve) -> AsyncGenerator[Served]:
    """Stopped by the test itself; stopping again changes nothing."""
    async with serve(drain_seconds=2.0) as running:
        yield running


async def test_every_push_that_was_answered_201_is_in_the_journal_and_no_other(
    gate: ImportClient, ingest: Served, journal: Journal
) -> None:
    answers: list[Answer] = []

    async def push_until_the_end() -> None:
        while True:
            try:
                answers.append(await gate.push(gate.record()))
            except aiohttp.ClientConnectionError:
                return

    async def many_answers() -> bool:
        return len(answers) > 200

    async with asyncio.TaskGroup() as clients:
        for _ in range(16):
            clients.create_task(push_until_the_end())
        await eventually(many_answers)
        await ingest.runner.cleanup()

    assert {answer.brief for answer in answers} <= {OK, UNAVAILABLE}
    taken = sum(answer.brief == OK for answer in answers)
    assert await journal.count() == taken


async def test_a_body_that_arrives_while_it_stops_is_taken(
    gate: ImportClient, ingest: Served, journal: Journal
) -> None:
    body = orjson.dumps([gate.record()])
    reader, writer = await _begin(gate, ingest, body[:-1], announced=len(body))
    stopping = asyncio.create_task(ingest.runner.cleanup())
    await eventually(lambda: _refuses_connections(ingest))
    writer.write(body[-1:])
    async with asyncio.timeout(5):
        answer = await reader.read()
        await stopping
    writer.close()

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert await journal.count() == 1


async def test_a_body_that_has_not_arrived_is_refused_within_the_time_to_stop(
    gate: ImportClient, ingest: Served, journal: Journal
) -> None:
    body = orjson.dumps([gate.record()])
    reader, writer = await _begin(gate, ingest, body[:-1], announced=len(body))
    async with asyncio.timeout(5):
        await ingest.runner.cleanup()
        answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(UNAVAILABLE[1])
    assert await journal.count() == 0


async def _begin(
    gate: ImportClient, ingest: Served, beginning: bytes, *, announced: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A push of which so much has been sent when this returns."""
    parts = urlsplit(ingest.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"POST /v2/import/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gate.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {announced}\r\n\r\n"
    )
    writer.write(head.encode() + beginning)
    await writer.drain()
    # An answer on another connection: the first one's headers have been read by then.
    await gate.send("/v2/import/status", b"", method="GET")
    return reader, writer


async def _refuses_connections(ingest: Served) -> bool:
    parts = urlsplit(ingest.url)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return True
    writer.close()
    return False
