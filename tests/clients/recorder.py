"""A proxy in front of ingest that writes down what went through, and can be told to interfere."""

import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

# What two uses of the same place are told apart by; ingest sees the rest of the path.
BIG = "/big"
UNAVAILABLE = web.HTTPServiceUnavailable.status_code
# Said on both sides by the servers themselves.
_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}


@dataclass(frozen=True, kw_only=True)
class Exchange:
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer: bytes

    @property
    def document(self) -> Any:
        return orjson.loads(self.body)


# Awaited before the n-th request, counted from 0, is passed on.
BeforeEach = Callable[[int], Awaitable[None]]


async def _nothing(_: int) -> None: ...


class Recorder:
    def __init__(self, ingest_url: str) -> None:
        self.exchanges: list[Exchange] = []
        self.before_each: BeforeEach = _nothing
        self.url = ""
        self._lost: int | None = None
        self._lost_after_asking = False
        self._ingest_url = ingest_url

    @property
    def statuses(self) -> list[int]:
        return [exchange.status for exchange in self.exchanges]

    def lose_answer(self, number: int, *, after_asking: bool) -> None:
        """503 in place of the answer to that request, which ingest got, or did not get."""
        self._lost, self._lost_after_asking = number, after_asking

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Recorder"]:
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{anything:(?s:.*)}", self._pass_on)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as self._session,
            TestServer(app) as server,
        ):
            self.url = str(server.make_url("/")).rstrip("/")
            yield self

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        lost = len(self.exchanges) == self._lost
        await self.before_each(len(self.exchanges))
        status, headers, answer = UNAVAILABLE, {"Content-Type": "application/json"}, b"{}"
        if self._lost_after_asking or not lost:
            status, headers, answer = await self._asked(request, body)
        if lost:
            status = UNAVAILABLE
        self.exchanges.append(
            Exchange(
                path=request.path,
                headers=dict(request.headers),
                body=body,
                status=status,
                answer=answer,
            )
        )
        return web.Response(status=status, headers=headers, body=answer)

    async def _asked(self, request: web.Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        async with self._session.request(
            request.method,
            self._ingest_url + request.path.removeprefix(BIG),
            data=io.BytesIO(body),
            headers=_end_to_end(request.headers.items()),
        ) as answer:
            return answer.status, _end_to_end(answer.headers.items()), await answer.read()


def _end_to_end(headers: Any) -> dict[str, str]:
    return {name: text for name, text in headers if name.lower() not in _HOP}
