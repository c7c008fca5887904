"""One request over HTTP, and whatever comes back as an answer."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp

from pushgate_client.answers import Answer
from pushgate_client.entries import BATCH, Entry
from pushgate_client.limits import ANSWER_BYTES_MAX, REQUEST_SECONDS_MAX

_PATHS = {BATCH: "/v2/import/batch", "push": "/v2/import/push"}


class Sender:
    """``url`` is the gate's address, without a path."""

    def __init__(self, url: str, *, connections: int) -> None:
        self.url = url.rstrip("/")
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX),
            connector=aiohttp.TCPConnector(limit=self._connections),
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, entry: Entry, token: str) -> Answer:
        """Never raises for what the network or the gate does."""
        assert self._session is not None, "it was opened"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": entry.media_type}
        if entry.idempotency_key:
            headers["Idempotency-Key"] = entry.idempotency_key
        try:
            async with self._session.post(
                self.url + _PATHS[entry.endpoint],
                data=io.BytesIO(entry.body),
                headers=headers,
                allow_redirects=False,
            ) as response:
                return await _answer(response)
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error.os_error
            return Answer(None, f"{self.url} can't be reached: {reason}")
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, OSError) as error:
            return Answer(None, f"no answer came: {type(error).__name__}", lost=True)


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    """Its status says what to do; a text that breaks off is only less to quote."""
    text = b""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, OSError):
        text = await _beginning(response.content)
    return Answer(response.status, text.decode("utf-8", "replace"), retry_after(response.headers))


def retry_after(headers: Mapping[str, str]) -> float:
    """In seconds; 0 when nothing is said. A date counts from that of the answer."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text) - parsedate_to_datetime(headers["Date"])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return max(0.0, until.total_seconds())


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """All of an answer, or as much of it as is ever of use."""
    text = b""
    while len(text) < ANSWER_BYTES_MAX and (more := await content.readany()):
        text += more
    return text
