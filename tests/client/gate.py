"""A gate on a socket that answers as a test says, and else as the real one does.

What the real one says to these requests is tested in tests/ingest; whole journeys with it are in
tests/system.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Self

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

ACCEPTED = (201, b'{"status":"OK","message":"Batch Accepted!"}')
NOT_AUTHORIZED = (401, b'{"message":"Not Authorized"}')
INVALID_REGION = (401, b'{"message":"Invalid region."}')
NOT_ACTIVE = (401, b'{"error":"Forbidden","errors":{"error":"Connection is not active."}}')
NOT_AUTHENTICATED = (401, b'{"status":"ERROR","error":"Not Authenticated.","errors":null}')
WRONG_CLIENT = (
    403,
    b'{"status":"ERROR","error":"Forbidden","errors":{"error":"Access token is not associated"}}',
)
TOO_LARGE = (413, b'{"status":"ERROR","message":"Request rejected: request size"}')
UNAVAILABLE = (503, b'{"status":"ERROR","message":"Service unavailable"}')

# None closes the connection without an answer.
Scripted = tuple[int, bytes] | None
# What to answer the request of this number, counted from 0; or ... to answer as the real one does.
Script = Callable[[int, bytes], Any]


class Gate:
    """``bad`` are ids of records that are refused, ``token`` is the one that works."""

    def __init__(self, script: Script = lambda _number, _body: ...) -> None:
        self.bodies: list[bytes] = []
        self.tokens: list[str] = []
        self.names: list[str | None] = []
        self.token = "good"
        self.bad: set[int] = set()
        self.taken: dict[int, int] = {}
        self.times_taken = 0
        self.script = script
        app = web.Application(client_max_size=0)
        app.router.add_post("/v2/import/push", self._push)
        app.router.add_post("/v2/import/batch", self._batch)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("/"))

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _push(self, request: web.Request) -> web.Response:
        return await self._answer(request, orjson.loads)

    async def _batch(self, request: web.Request) -> web.Response:
        return await self._answer(request, lambda body: orjson.loads(body)["messages"])

    async def _answer(
        self, request: web.Request, records_of: Callable[[bytes], list[dict[str, Any]]]
    ) -> web.Response:
        body = await request.read()
        number = len(self.bodies)
        self.bodies.append(body)
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        self.names.append(request.headers.get("Idempotency-Key"))
        answer = self.script(number, body)
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer is ...:
            answer = self.as_the_real_one(records_of(body))
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, text = answer
        return web.Response(status=status, body=text, headers={"Retry-After": "0"})

    def as_the_real_one(self, records: list[dict[str, Any]]) -> Scripted:
        if self.tokens[-1] != self.token:
            return NOT_AUTHORIZED
        wrong = [record for record in records if record["data"]["id"] in self.bad]
        if wrong:
            return refused(len(wrong))
        self.times_taken += 1
        for record in records:
            self.taken[record["data"]["id"]] = record["sequence"]
        return ACCEPTED


def refused(records: int) -> tuple[int, bytes]:
    """As many reasons as there are bad records, a hundred at most."""
    errors = [{"reason": {"data": ["data must include keys"]}}] * min(records, 100)
    return 422, orjson.dumps(
        {"status": "ERROR", "error": "Request cannot be processed", "errors": errors}
    )
