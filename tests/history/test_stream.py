from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse

from events.types import ConnectTokenRevoked
from services.history import append_notifier, events_api
from services.runtime.lifecycle import LIFECYCLE
from tests.history.appending import (
    append,
    connect_token_generated,
    rename,
    small_history,
    token_generated,
)
from tests.history.auditor import AUDITOR
from tests.history.conftest import Client, Database, client_of_a_service


async def ids(answer: ClientResponse) -> AsyncIterator[tuple[int, bool]]:
    """Of each event of the stream, and whether it carries data."""
    number, has_data = None, False
    async for line in answer.content:
        if line.startswith(b"id: "):
            number = int(line[4:])
        has_data = has_data or line.startswith(b"data: ")
        if line == b"\n" and number is not None:
            yield number, has_data
            number, has_data = None, False


async def take(answer: ClientResponse, count: int) -> list[tuple[int, bool]]:
    taken = []
    async with asyncio.timeout(10):
        async for one in ids(answer):
            taken.append(one)
            if len(taken) == count:
                break
    return taken


async def test_what_is_there_comes_first_and_then_what_is_appended(
    client: Client, database: Database
) -> None:
    await small_history(database)
    async with client.get("/events/stream?after=4") as answer:
        before = await take(answer, 2)
        await rename(database, 2)
        after = await take(answer, 2)

    assert answer.headers["Content-Type"] == "text/event-stream"
    assert before + after == [(number, True) for number in (5, 6, 7, 8)]


async def test_the_data_is_the_stored_text(client: Client, database: Database) -> None:
    await small_history(database)
    async with client.get("/events/stream?after=5") as answer:
        lines = [await answer.content.readline() for _ in range(3)]
    stored = await database.fetchval("SELECT record::text FROM ledger.event WHERE number = 6")

    assert lines == [b"id: 6\n", f"data: {stored}\n".encode(), b"\n"]


async def test_the_last_event_id_wins_over_the_query(client: Client, database: Database) -> None:
    await small_history(database)
    async with client.get("/events/stream?after=0", headers={"Last-Event-ID": "5"}) as answer:
        assert await take(answer, 1) == [(6, True)]


async def test_a_filtered_reader_learns_how_far_the_log_has_come(
    client: Client, database: Database
) -> None:
    await small_history(database)
    async with client.get("/events/stream?type=TokenGenerated") as answer:
        first = await take(answer, 3)
        await rename(database, 3)
        skipped = await take(answer, 1)
        await append(database, "integration/1", [token_generated(3)])
        last = await take(answer, 1)

    assert first == [(3, True), (4, True), (6, False)]
    assert skipped == [(9, False)]
    assert last == [(10, True)]


async def test_streams_end_when_the_process_stops(database: Database, database_url: str) -> None:
    await connect_token_generated(database, AUDITOR, role="auditor")
    await small_history(database)
    async with (
        client_of_a_service(database_url) as stopping,
        stopping.get("/events/stream?after=5") as answer,
    ):
        await take(answer, 1)
        assert stopping.app is not None
        stopping.app[LIFECYCLE].stop("the test says so")
        async with asyncio.timeout(5):
            assert await answer.content.read() == b""


async def test_a_stream_ends_when_its_connect_token_is_revoked(
    client: Client, database: Database
) -> None:
    await small_history(database)
    async with client.get("/events/stream?after=5") as answer:
        await take(answer, 1)
        await append(database, "account/1", [ConnectTokenRevoked(connect_token_id=1)])
        async with asyncio.timeout(5):
            assert await answer.content.read() == b""


async def test_a_quiet_stream_gives_a_sign_of_life_however_often_the_bell_rings(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a proxy closes the idle connection, and a lost reader is never noticed."""
    monkeypatch.setattr(events_api, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(append_notifier, "POLL_SECONDS", 0.05)
    await small_history(database)
    async with client.get("/events/stream?after=5") as answer:
        await take(answer, 1)
        async with asyncio.timeout(10):
            signs = [await answer.content.readline() for _ in range(4)]

    assert signs == [b": still here\n", b"\n"] * 2


async def test_a_place_that_the_service_told_can_be_resumed_from_even_before_the_first_event(
    client: Client, database: Database
) -> None:
    await small_history(database)
    async with client.get("/events/stream?after=5", headers={"Last-Event-ID": "-1"}) as answer:
        assert await take(answer, 1) == [(0, True)]


@pytest.mark.parametrize("nonsense", ["-2", "x", "1.5", "", "9" * 20])
async def test_a_wrong_last_event_id_is_refused(nonsense: str, client: Client) -> None:
    async with client.get("/events/stream", headers={"Last-Event-ID": nonsense}) as answer:
        assert answer.status == 400


async def test_a_place_beyond_the_end_goes_on_from_the_end(
    client: Client, database: Database
) -> None:
    """As after a restore: waiting until the log is as long again would skip what is new."""
    await small_history(database)
    async with client.get("/events/stream", headers={"Last-Event-ID": "1000"}) as answer:
        received = await take(answer, 1)
        await rename(database, 2)
        new = await take(answer, 2)

    assert received == [(6, False)]
    assert new == [(7, True), (8, True)]
