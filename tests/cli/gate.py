"""A gate that answers as it is told: what a push meets when the real one is away or refuses."""

from collections.abc import Awaitable, Callable
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer

Scripted = tuple[int, str] | None
# What to answer to the n-th request, counted from 0, with this body; None closes the connection.
Script = Callable[[int, bytes], Scripted | Awaitable[Scripted]]


class ScriptedGate:
    def __init__(self, script: Script) -> None:
        self.bodies: list[bytes] = []
        self.authorizations: set[str] = set()
        self._script = script
        app = web.Application(client_max_size=0)
        app.router.add_post("/v2/import/push", self._answer)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("/")).rstrip("/")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        number = len(self.bodies)
        self.bodies.append(body)
        self.authorizations.add(request.headers["Authorization"])
        answer = self._script(number, body)
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, text = answer
        return web.Response(status=status, text=text, headers={"Retry-After": "0"})
