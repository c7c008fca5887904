"""Below the contract: malformed, slow and odd HTTP on the public port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from protocol.refusals import Refusal
from protocol.token_text import token_text
from services.receiving.body_reader import BodyReader
from services.receiving.memory_budget import MemoryBudget, Reservation
from services.runtime.hardened_http import HardenedRunner
from tests.ingest.conftest import Serve
from tests.ingest.gate import ImportClient, send_raw
from tests.ingest.journal import Journal

STATUS = b"GET /v2/import/status HTTP/1.1\r\nHost: x\r\n\r\n"
CANARY = token_text("at_", 1).encode()


def request(gate: ImportClient, body: bytes, *more: str, path: str = "/v2/import/push") -> bytes:
    """A whole request that asks for the connection to be closed after its answer."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {gate.token}",
        "Content-Type: application/json",
        "Connection: close",
        *(more or [f"Content-Length: {len(body)}"]),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def good(gate: ImportClient) -> bytes:
    return orjson.dumps([gate.record()])


@pytest.mark.parametrize(
    "words",
    [
        b"POST /v2/import/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\x01\r\n\r\n",
        b"POST /v2/import/push HTTP/1.1\r\nHost: x\r\nAuthorization Bearer %s\r\n\r\n",
        b"POST /%s\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"%s\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9_000 + b"%s\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n" + b"X: %s\r\n" * 200 + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nX: %s\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\nX: %s\r\n\r\n",
    ],
    ids=["control", "colon", "nul", "garbage", "long", "many", "both-lengths", "two-lengths"],
)
async def test_what_cannot_be_parsed_is_refused_and_repeated_nowhere(
    gate: ImportClient, caplog: pytest.LogCaptureFixture, words: bytes
) -> None:
    """The server itself would repeat the line, token included, in the response and the log."""
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        answer = await send_raw(gate.url, words.replace(b"%s", CANARY))

    assert answer.startswith(b"HTTP/1.0 400 ")
    assert answer.endswith(b'{"message":"Malformed HTTP request."}')
    assert CANARY not in answer
    assert CANARY.decode() not in caplog.text + str(lines)


@pytest.mark.parametrize("line", [b"GET /a%0Ab", b"OPTIONS *", b"CONNECT x:80", b"GET http://x/y"])
async def test_what_is_no_path_of_ours_is_answered_by_us(gate: ImportClient, line: bytes) -> None:
    """And not by the server's own page, which is no JSON."""
    answer = await send_raw(gate.url, line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b'{"message":"Not Found"}')


async def test_headers_that_do_not_come_to_an_end_are_not_waited_for(serve: Serve) -> None:
    async with serve(headers_seconds_max=0.2) as served:
        silent = send_raw(served.url)
        begun = send_raw(served.url, b"POST /v2/import/push HTTP/1.1\r\nHost: x\r\n")

        assert [*await asyncio.gather(silent, begun)] == [b"", b""]


async def test_nor_are_those_of_a_later_request_on_the_connection(serve: Serve) -> None:
    async with serve(headers_seconds_max=0.2) as served:
        parts = urlsplit(served.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(STATUS)
        await reader.readuntil(b"}")
        writer.write(b"GET /v2")
        async with asyncio.timeout(5):
            rest = await reader.read()
        writer.close()

    assert rest == b""


async def test_a_connection_may_rest_between_requests(serve: Serve, gate: ImportClient) -> None:
    """A pool keeps connections open, and a broken one costs target-stitch its run."""
    push = request(gate, good(gate)).replace(b"Connection: close\r\n", b"")
    async with serve(headers_seconds_max=0.2) as served:
        parts = urlsplit(served.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(push)
        await reader.readuntil(b"}")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await reader.read(1)
        writer.write(STATUS)
        answer = await reader.readuntil(b"}")
        writer.close()

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_pipelined_request_is_answered_in_turn(gate: ImportClient) -> None:
    keep = request(gate, good(gate)).replace(b"Connection: close\r\n", b"")
    answer = await send_raw(gate.url, keep + keep + request(gate, b"["))

    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"201", b"201", b"400"]


async def test_a_client_that_waits_for_100_is_told_to_go_on(gate: ImportClient) -> None:
    body = good(gate)
    length = f"Content-Length: {len(body)}"
    answer = await send_raw(gate.url, request(gate, body, length, "Expect: 100-continue"))

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n")


async def test_one_whose_body_is_too_large_is_told_before_it_sends_it(gate: ImportClient) -> None:
    head = request(gate, b"", "Content-Length: 20000001", "Expect: 100-continue")
    answer = await send_raw(gate.url, head, until=b"}")

    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_an_expectation_that_nobody_knows_is_ignored(gate: ImportClient) -> None:
    body = good(gate)
    answer = await send_raw(
        gate.url, request(gate, body, f"Content-Length: {len(body)}", "Expect: tea")
    )

    assert answer.startswith(b"HTTP/1.1 201 ")


async def test_a_chunked_body_is_taken(gate: ImportClient) -> None:
    body = good(gate)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    answer = await send_raw(gate.url, request(gate, chunks, "Transfer-Encoding: chunked"))

    assert answer.startswith(b"HTTP/1.1 201 ")


async def test_a_broken_chunked_body_is_refused(gate: ImportClient, journal: Journal) -> None:
    body = good(gate)
    broken = b"%x\r\n%s\r\nzz\r\n" % (len(body), body)
    answer = await send_raw(gate.url, request(gate, broken, "Transfer-Encoding: chunked"))

    assert b" 400 " in answer.splitlines()[0]
    assert await journal.count() == 0


@pytest.mark.parametrize("length", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_a_client_that_goes_away_half_way_leaves_nothing_behind(
    gate: ImportClient, journal: Journal, length: str
) -> None:
    with capture_logs() as lines:
        await send_raw(gate.url, request(gate, b"5\r\n[    ", length), then_close=True)
        # Answered on another connection, so the first one has been dealt with.
        await gate.push(gate.record())

    assert await journal.count() == 1
    assert not [line for line in lines if line["event"] == "request.crashed"]


async def test_a_push_without_a_body(gate: ImportClient) -> None:
    answer = await send_raw(gate.url, request(gate, b"", "X-Nothing: at all"))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Malformed json in the body!" in answer


@contextlib.asynccontextmanager
async def reading_slowly(start_seconds: float) -> AsyncGenerator[str]:
    """A server that only reads, as ingest does, with less patience."""
    readings = BodyReader(body_bytes_max=1_000_000, start_seconds=start_seconds)

    async def read(request: web.Request) -> web.Response:
        try:
            with Reservation(MemoryBudget(1_000_000)) as reservation:
                body = await readings.read(
                    request.content, reservation, content_length=request.content_length
                )
        except Refusal as refusal:
            return web.Response(status=refusal.status)
        return web.Response(text=str(len(body)))

    app = web.Application()
    app.router.add_post("/", read)
    runner = HardenedRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def dripping(pieces: int, *, bytes_each: int, every_seconds: float) -> AsyncGenerator[bytes]:
    nothing = asyncio.Event()
    for _ in range(pieces):
        yield b" " * bytes_each
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every_seconds):
                await nothing.wait()


async def test_a_body_that_does_not_arrive_in_time_is_refused(
    session: aiohttp.ClientSession,
) -> None:
    async with reading_slowly(0.2) as url:
        drops = dripping(20, bytes_each=1, every_seconds=0.1)
        async with session.post(url, data=drops) as answer:
            assert answer.status == 408


async def test_a_slow_line_that_is_fast_enough_has_all_the_time_it_needs(
    session: aiohttp.ClientSession,
) -> None:
    async with reading_slowly(0.2) as url:
        drops = dripping(8, bytes_each=5_000, every_seconds=0.1)
        async with session.post(url, data=drops) as answer:
            assert (answer.status, await answer.text()) == (200, "40000")
