"""The app of outbox_app.py as a test handles it, and a front before the gate that can say 503."""

import asyncio
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.eventually import eventually
from tests.system.outbox_app import Orders

MORE_SECONDS_MAX = 60
ENDED_SECONDS_MAX = 120


class Front:
    """Passes requests on to the gate, unless ``away``: then it answers 503 itself."""

    def __init__(self, gate_url: str) -> None:
        self.away = False
        self.statuses: list[int] = []
        self._gate_url = gate_url
        app = web.Application(client_max_size=0)
        app.router.add_post("/{path:.*}", self._pass_on)
        self._server = TestServer(app)
        self._session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return str(self._server.make_url("/")).rstrip("/")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.away:
            self.statuses.append(503)
            return web.Response(status=503, text="{}")
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        try:
            async with self._session.post(
                self._gate_url + request.path, data=body, headers=headers
            ) as answer:
                self.statuses.append(answer.status)
                return web.Response(
                    status=answer.status,
                    body=await answer.read(),
                    content_type=answer.content_type,
                )
        except aiohttp.ClientError:
            # As the gate itself does when it is killed.
            assert request.transport is not None, "it was just read from"
            request.transport.abort()
            raise


@dataclass
class App:
    """``async with``; it is started anew after each kill."""

    orders: Orders
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.system.outbox_app"), stdin=asyncio.subprocess.PIPE
        )
        assert self.process.stdin is not None, "it was asked for"
        self.process.stdin.write(orjson.dumps(asdict(self.orders)))
        self.process.stdin.close()

    async def kill(self) -> None:
        assert self.process is not None, "it runs"
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Sends what waits; returns how many records were pushed in all."""
        assert self.process is not None, "it runs"
        await asyncio.to_thread(Path(self.orders.stop).touch)
        async with asyncio.timeout(ENDED_SECONDS_MAX):
            assert await self.process.wait() == 0
        return self.pushed()

    def pushed(self) -> int:
        progress = Path(self.orders.progress)
        return int(progress.read_text()) if progress.exists() else 0

    async def more(self, records: int) -> None:
        """Returns when so many more are pushed: into the outbox, that is."""
        goal = self.pushed() + records

        async def reached() -> bool:
            assert self.process is not None, "it was started"
            assert self.process.returncode is None, "the app ended by itself"
            return self.pushed() >= goal

        await eventually(reached, seconds=MORE_SECONDS_MAX)
