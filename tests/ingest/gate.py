"""Ingest for tests: a real server, and a client that returns what it received."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncGenerator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp import web

from services.ingest.app import IngestSettings, build_app
from services.runtime.clock import SystemClock
from services.runtime.hardened_http import HEADERS_SECONDS_MAX, HardenedRunner

OK = (201, b'{"status":"OK","message":"Batch Accepted!"}')
VALID = (200, b'{"status":"OK","message":"Batch is valid!"}')
NOT_AUTHORIZED = (401, b'{"message":"Not Authorized"}')
NOT_ACTIVE = (401, b'{"error":"Forbidden","errors":{"error":"Connection is not active."}}')
UNAVAILABLE = (
    503,
    b'{"status":"ERROR","message":"Service unavailable; send the same request again later."}',
)


class Served(NamedTuple):
    url: str
    runner: web.BaseRunner


@contextlib.asynccontextmanager
async def served(
    settings: IngestSettings, *, headers_seconds_max: float = HEADERS_SECONDS_MAX
) -> AsyncGenerator[Served]:
    runner = HardenedRunner(
        build_app(settings, clock=SystemClock()),
        headers_seconds_max=headers_seconds_max,
        access_log=None,
        shutdown_timeout=settings.drain_seconds,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        yield Served(f"http://{host}:{port}", runner)
    finally:
        await runner.cleanup()


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def brief(self) -> tuple[int, bytes]:
        return self.status, self.body

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class ImportClient:
    """Pushes for one account, with one token unless another is given."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, *, token: str, client_id: int
    ) -> None:
        self.url = url
        self.token = token
        self.client_id = client_id
        self._session = session

    async def send(
        self,
        path: str,
        body: bytes | AsyncGenerator[bytes],
        *,
        token: str | None = None,
        content_type: str | None = "application/json",
        method: str = "POST",
        **headers: str,
    ) -> Answer:
        """``headers``: underscores stand for hyphens. ``token=""`` sends no Authorization."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        token = self.token if token is None else token
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if content_type is not None:
            sent["Content-Type"] = content_type
        async with self._session.request(
            method,
            f"{self.url}{path}",
            data=io.BytesIO(body) if isinstance(body, bytes) else body,
            headers=sent,
            skip_auto_headers=["Content-Type"],
        ) as answer:
            return Answer(answer.status, await answer.read(), answer.headers)

    async def push(self, *records: dict[str, Any], token: str | None = None) -> Answer:
        return await self.send("/v2/import/push", orjson.dumps(records), token=token)

    async def batch(self, batch: dict[str, Any], *, token: str | None = None) -> Answer:
        return await self.send("/v2/import/batch", orjson.dumps(batch), token=token)

    def record(self, **changes: Any) -> dict[str, Any]:
        """A record that is taken; a change to None takes the argument away."""
        record = {
            "client_id": self.client_id,
            "table_name": "customers",
            "sequence": 1565880017,
            "action": "upsert",
            "key_names": ["id"],
            "data": {"id": 1, "name": "Finn"},
        } | changes
        return {name: value for name, value in record.items() if value is not None}


async def send_raw(
    url: str, *words: bytes, then_close: bool = False, until: bytes | None = None
) -> bytes:
    """Raw bytes on a connection of their own; what comes back ``until`` then or its end."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for word in words:
            writer.write(word)
            await writer.drain()
        if then_close:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
