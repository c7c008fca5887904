"""One test of each private attribute of aiohttp that hardened_http.py relies on.

If one fails after an upgrade of aiohttp, read what the attribute has become in its
``web_protocol.py``, ``web_server.py`` or ``web_runner.py``, and adapt HardenedHandler.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest
from aiohttp import web

from services.runtime.hardened_http import HardenedHandler, HardenedRunner, HardenedServer
from tests.eventually import eventually

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class Connection:
    """A client's connection to a server whose handler waits for ``go_on``, and the server's end."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.bodies: list[bytes] = []

    async def answer(self, request: web.Request) -> web.Response:
        await self.go_on.wait()
        self.bodies.append(await request.read())
        return web.Response()

    async def open(self, runner: web.AppRunner) -> None:
        host, port = runner.addresses[0][:2]
        self.reader, self.writer = await asyncio.open_connection(host, port)
        server = cast("web.Server", runner.server)
        await eventually(lambda: _true(bool(server.connections)))
        self.handler = cast("HardenedHandler", server.connections[0])

    async def send(self, data: bytes, *, requests: int) -> None:
        """Returns when the server has parsed so many requests of this connection in all."""
        self.writer.write(data)
        await eventually(lambda: _true(self.handler._request_count == requests))

    @property
    def current_request(self) -> web.BaseRequest | None:
        return self.handler._current_request


async def _true(condition: bool) -> bool:  # noqa: FBT001 — for ``eventually``, which awaits
    return condition


@pytest.fixture
async def connection() -> AsyncGenerator[Connection]:
    made = Connection()
    app = web.Application()
    app.router.add_post("/", made.answer)
    runner = HardenedRunner(app, access_log=None, keepalive_timeout=77, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await made.open(runner)
    yield made
    made.go_on.set()
    made.writer.close()
    await runner.cleanup()


async def test_request_count_rises_when_headers_are_complete(connection: Connection) -> None:
    await connection.send(HEAD[:-2], requests=0)
    await connection.send(HEAD[-2:], requests=1)


async def test_current_request_is_the_one_that_is_being_answered(connection: Connection) -> None:
    assert not connection.current_request

    await connection.send(HEAD, requests=1)
    await eventually(lambda: _true(connection.current_request is not None))
    request = connection.current_request
    assert request is not None
    assert not request.content.is_eof()

    connection.go_on.set()
    connection.writer.write(b"body")
    await eventually(lambda: _true(connection.current_request is None))


async def test_waiter_is_set_while_the_connection_waits_for_a_request(
    connection: Connection,
) -> None:
    await eventually(lambda: _true(connection.handler._waiter is not None))

    await connection.send(HEAD, requests=1)
    await eventually(lambda: _true(connection.handler._waiter is None))


async def test_close_makes_aiohttp_ignore_data_but_not_the_rest_of_a_body(
    connection: Connection,
) -> None:
    await connection.send(HEAD + b"bo", requests=1)
    await eventually(lambda: _true(connection.current_request is not None))
    connection.handler.close()
    assert connection.handler._close

    web.RequestHandler.data_received(connection.handler, b"XX")
    connection.handler.data_received(b"dy")
    connection.go_on.set()

    await eventually(lambda: _true(connection.bodies == [b"body"]))
    assert connection.handler._close


async def test_force_close_makes_aiohttp_ignore_data(connection: Connection) -> None:
    connection.handler.force_close()
    assert connection.handler._force_close

    connection.handler.data_received(HEAD)

    assert connection.handler._request_count == 0


async def test_make_server_is_what_a_runner_gets_its_server_from() -> None:
    runner = HardenedRunner(web.Application())
    await runner.setup()
    try:
        assert isinstance(runner.server, HardenedServer)
        assert isinstance(runner.server(), HardenedHandler)
    finally:
        await runner.cleanup()


async def test_kwargs_of_a_server_are_the_options_of_its_connections(
    connection: Connection,
) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    assert web.Server(answer, keepalive_timeout=77)._kwargs == {"keepalive_timeout": 77}
    assert connection.handler._keepalive_timeout == 77
