"""A cable between ingest and Postgres that can be cut: a network or a server that breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit, urlunsplit


class Cable:
    """Plugged in at first. ``url`` is the database's, through the cable."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._carrying: set[asyncio.Task[None]] = set()
        self._plugged = True
        self._swallowing = False
        self._swallowing_questions = False
        self._swallowed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncGenerator[Cable]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.cut()
            server.close()

    @property
    def url(self) -> str:
        user = f"{self._parts.username}:{self._parts.password}"
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    def cut(self) -> None:
        """Every connection breaks, and none can be made."""
        self._plugged = False
        for task in self._carrying:
            task.cancel()

    def repair(self) -> None:
        self._plugged = True
        self._swallowing = False
        self._swallowing_questions = False

    def swallow_answers(self) -> None:
        """Requests reach the server; its answers are dropped."""
        self._swallowing = True

    def swallow_questions(self) -> None:
        """What is sent from now on does not reach the server."""
        self._swallowing_questions = True

    async def swallowed(self) -> None:
        """Returns when a question has been swallowed."""
        await self._swallowed.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._plugged:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        there, back = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, back))
                both.create_task(self._carry(there, writer, answers=True))
        except* (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._carrying.discard(task)
            writer.close()
            back.close()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        while data := await source.read(65_536):
            if not answers and self._swallowing_questions:
                self._swallowed.set()
            elif not (answers and self._swallowing):
                sink.write(data)
                await sink.drain()
        raise ConnectionError
