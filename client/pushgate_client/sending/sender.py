"""Send one request over HTTP and return the answer, or why there is none."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp

from pushgate_client.address import gate_address
from pushgate_client.answers import Answer
from pushgate_client.entries import BATCH, Entry
from pushgate_client.limits import (
    ANSWER_BYTES_MAX,
    REQUEST_SECONDS_MAX,
    UPLOAD_BYTES_PER_SECOND_MIN,
)

_PATHS = {BATCH: "/v2/import/batch", "push": "/v2/import/push"}
_REDIRECTIONS = range(300, 400)


class Sender:
    """Raises ValueError if ``url`` is not the address of a gate."""

    def __init__(self, url: str, *, connections: int) -> None:
        self.url = gate_address(url)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, entry: Entry, token: str) -> Answer:
        """Never raises for errors of the network or the gate."""
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
                timeout=_timeout(len(entry.body)),
            ) as response:
                return await _answer(response)
        except aiohttp.ClientConnectorError as error:
            return Answer(None, f"{self.url} can't be reached: {_reason(error.os_error)}")
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, OSError) as error:
            return Answer(None, f"{self.url} gave no answer: {_failure(error)}", lost=True)


def _timeout(body_bytes: int) -> aiohttp.ClientTimeout:
    """For the answer after the body, and for the whole at the lowest rate the gate accepts."""
    return aiohttp.ClientTimeout(
        total=REQUEST_SECONDS_MAX + body_bytes / UPLOAD_BYTES_PER_SECOND_MIN,
        sock_read=REQUEST_SECONDS_MAX,
    )


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return str(error.strerror or error)


def _failure(error: Exception) -> str:
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return f"no answer within {REQUEST_SECONDS_MAX:g} s"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is not valid HTTP"
    if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionError)):
        return "the connection was closed"
    return type(error).__name__


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    """The status decides what to do; a text that breaks off is only shorter to quote."""
    if response.status in _REDIRECTIONS and (leads_to := response.headers.get("Location")):
        return Answer(
            response.status,
            f"redirects to {leads_to}. Redirects are not followed: if that is the gate, set its"
            " address",
        )
    text = b""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, OSError):
        text = await _read_start(response.content)
    return Answer(response.status, text.decode("utf-8", "replace"), retry_after(response.headers))


def retry_after(headers: Mapping[str, str]) -> float:
    """In seconds; 0 without the header. A date is relative to the date of the answer."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text) - parsedate_to_datetime(headers["Date"])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return max(0.0, until.total_seconds())


async def _read_start(content: aiohttp.StreamReader) -> bytes:
    """The answer, up to ANSWER_BYTES_MAX and one chunk."""
    text = b""
    while len(text) < ANSWER_BYTES_MAX and (more := await content.readany()):
        text += more
    return text
