"""Whatever answers at the gate's address: nothing is lost, and the token goes nowhere else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pushgate_client import Delivery, Outbox
from pushgate_client.sending.sender import retry_after
from tests.client.gate import ACCEPTED, UNAVAILABLE, Gate
from tests.client.made import entry
from tests.eventually import eventually


@contextlib.asynccontextmanager
async def answering(answers: list[bytes]) -> AsyncIterator[str]:
    """One of these for each connection, the last for all that come after."""
    taken = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers[min(taken, len(answers) - 1)])
        taken += 1
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


GOOD = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.mark.parametrize(
    "junk",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0" * 1_000,
        b"",
        b"HTTP/1.1 999999 What\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: nine\r\n\r\n",
        b"HTTP/1.1 201",
    ],
)
async def test_junk_is_no_answer_and_the_same_is_sent_again(tmp_path: Path, junk: bytes) -> None:
    async with (
        answering([junk, GOOD]) as url,
        Outbox.open(tmp_path) as outbox,
        Delivery(outbox, url=url, token="t") as delivery,
    ):
        await outbox.append(entry(1))
        async with asyncio.timeout(20):
            await outbox.emptied()

        assert delivery.requests == 2
        assert outbox.counts().sent_records == 1


@pytest.mark.parametrize(
    ("junk", "told"),
    [(b"", "the connection was closed"), (b"SSH-2.0-OpenSSH_9.2\r\n", "is not valid HTTP")],
)
async def test_what_came_instead_of_an_answer_is_told_in_words(
    tmp_path: Path, junk: bytes, told: str
) -> None:
    async with (
        answering([junk]) as url,
        Outbox.open(tmp_path) as outbox,
        Delivery(outbox, url=url, token="t"),
    ):
        await outbox.append(entry(1))

        async def is_told() -> bool:
            return told in str(outbox.counts().why)

        await eventually(is_told)


async def test_a_good_status_counts_although_its_text_breaks_off(tmp_path: Path) -> None:
    broken = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"
    async with (
        answering([broken]) as url,
        Outbox.open(tmp_path) as outbox,
        Delivery(outbox, url=url, token="t") as delivery,
    ):
        await outbox.append(entry(1))
        async with asyncio.timeout(20):
            await outbox.emptied()

        assert (delivery.requests, outbox.counts().sent_records) == (1, 1)


async def test_a_page_for_people_is_no_gates_answer(tmp_path: Path) -> None:
    """A proxy that wants somebody to sign in says 200 to everything."""
    page = (200, b"<!DOCTYPE html><title>Sign in to the network</title>")
    async with (
        Gate(lambda number, _body: page if number == 0 else ...) as gate,
        Outbox.open(tmp_path) as outbox,
        Delivery(outbox, url=gate.url, token="good"),
    ):
        await outbox.append(entry(1))

        async def is_held() -> bool:
            return "Sign in" in str(outbox.counts().why)

        await eventually(is_held)
        async with asyncio.timeout(20):
            await outbox.emptied()

    assert gate.taken.keys() == {1}


async def test_a_page_with_a_400_says_nothing_of_the_records(tmp_path: Path) -> None:
    """As of a server that takes nothing but TLS at this port, for each of all requests."""
    page = (400, b"<html><h1>The plain HTTP request was sent to HTTPS port</h1></html>")
    async with (
        Gate(lambda number, _body: page if number == 0 else ...) as gate,
        Outbox.open(tmp_path) as outbox,
        Delivery(outbox, url=gate.url, token="good"),
    ):
        await outbox.append(entry(1, 2))
        async with asyncio.timeout(20):
            await outbox.emptied()

        assert (gate.bodies[0], outbox.counts().set_aside) == (gate.bodies[1], 0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirection_is_not_followed_and_holds(tmp_path: Path, status: int) -> None:
    elsewhere: list[str] = []

    async def thief(request: web.Request) -> web.Response:
        elsewhere.append(request.headers.get("Authorization", ""))
        return web.Response(status=201)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", thief)
    async with TestServer(app) as there:
        location = str(there.make_url("/v2/import/push"))

        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": location})

        here = web.Application()
        here.router.add_route("*", "/{anything:.*}", redirect)
        async with (
            TestServer(here) as server,
            Outbox.open(tmp_path) as outbox,
            Delivery(outbox, url=str(server.make_url("/")), token="at_secret"),
        ):
            await outbox.append(entry(1))

            async def is_held() -> bool:
                return f"{status}: redirects to {location}" in str(outbox.counts().why)

            await eventually(is_held)
            assert outbox.counts().waiting == 1
    assert elsewhere == []


async def test_a_slow_line_has_the_time_that_the_gate_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what comes after the body has to come soon: it was never sent whole else."""
    monkeypatch.setattr("pushgate_client.sending.sender.REQUEST_SECONDS_MAX", 0.3)
    loop = asyncio.get_running_loop()

    async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun = loop.time()

        async def late() -> bool:
            return loop.time() > begun + 0.6

        await eventually(late)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(large.body))
        writer.write(GOOD)
        writer.close()

    large = replace(entry(1), body=b'[{"a":"%b"}]' % (b"x" * 9_000_000))
    server = await asyncio.start_server(read_late, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        Outbox.open(tmp_path) as outbox,
        Delivery(outbox, url=url, token="t") as delivery,
    ):
        await outbox.append(large)
        async with asyncio.timeout(20):
            await outbox.emptied()

        assert (delivery.requests, outbox.counts().sent) == (1, 1)


async def test_a_pause_that_is_asked_for_is_made(tmp_path: Path) -> None:
    asked_at: list[float] = []
    loop = asyncio.get_running_loop()

    async def answer(_: web.Request) -> web.Response:
        asked_at.append(loop.time())
        if len(asked_at) == 1:
            return web.Response(status=UNAVAILABLE[0], headers={"Retry-After": "1"})
        return web.Response(status=ACCEPTED[0], body=ACCEPTED[1])

    app = web.Application()
    app.router.add_post("/v2/import/push", answer)
    async with (
        TestServer(app) as server,
        Outbox.open(tmp_path) as outbox,
        Delivery(outbox, url=str(server.make_url("/")), token="t"),
    ):
        await outbox.append(entry(1))
        async with asyncio.timeout(20):
            await outbox.emptied()

    first, second = asked_at
    assert second - first >= 1.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:30 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "\N{ARABIC-INDIC DIGIT SEVEN}"}, 0.0),
        ({}, 0.0),
    ],
)
def test_both_forms_of_retry_after_are_read(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds
