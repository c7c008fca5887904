"""Stands between a program and Postgres, and cuts a connection at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

# Before: the server never sees the COMMIT. After: it has committed, but the answer is lost.
Moment = Literal["before commit", "after commit"]

_COMMIT = b"COMMIT;\x00"


class CuttingProxy:
    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        assert parts.hostname is not None
        self._server = (parts.hostname, parts.port)
        self._parts = parts
        self.cuts: list[Moment] = []
        self.done: list[Moment] = []
        self._open: set[asyncio.StreamWriter] = set()

    def url(self, port: int) -> str:
        userinfo = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{userinfo}@127.0.0.1:{port}"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._server)
        ends = {up_writer, writer}
        self._open |= ends
        answers = asyncio.create_task(_pump(up_reader, writer))
        try:
            while data := await reader.read(65_536):
                if data.endswith(_COMMIT) and self.cuts:
                    await self._cut(data, up_writer, answers)
                    break
                up_writer.write(data)
                await up_writer.drain()
        except ConnectionError:
            pass
        finally:
            answers.cancel()
            self._open -= ends
            for end in ends:
                end.close()

    def cut_all(self) -> None:
        for end in self._open:
            end.transport.abort()

    async def _cut(
        self, commit: bytes, up_writer: asyncio.StreamWriter, answers: asyncio.Task[None]
    ) -> None:
        """Whatever the server answers from here on is lost."""
        moment = self.cuts.pop(0)
        answers.cancel()
        if moment == "after commit":
            up_writer.write(commit)
            await up_writer.drain()
        self.done.append(moment)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()  # the server hung up, so the client shall see that


@contextlib.asynccontextmanager
async def cutting_proxy(database_url: str) -> AsyncGenerator[tuple[CuttingProxy, str]]:
    """The proxy, and the URL that leads through it."""
    proxy = CuttingProxy(database_url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, proxy.url(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        proxy.cut_all()
        await server.wait_closed()
