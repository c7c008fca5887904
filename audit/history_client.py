"""A client of the history service, over HTTP with an auditor's Connect token."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from audit.errors import AuditFailed
from services.runtime.config import Secret

RESPONSE_SECONDS_MAX = 30.0
DOWNLOAD_SECONDS_MAX = 3_600.0
# A stream sends a keep-alive every 15 to 18 seconds: a longer silence means a dead connection.
STREAM_IDLE_SECONDS_MAX = 60.0
CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 1 << 20


class NotFound(AuditFailed):
    """The requested thing does not exist, or does not exist yet."""


class TokenNotAccepted(AuditFailed):
    """The Connect token is missing, unknown, revoked, or lacks the role."""


class Unavailable(AuditFailed):
    """The service or its database does not respond: the same request may succeed later."""


Query = Mapping[str, str | int | list[str]]


class HistoryClient:
    """Every method raises AuditFailed with the service's reason."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def text(self, path: str, query: Query | None = None) -> str:
        async with self._request(path, query) as response:
            return await response.text()

    async def text_and_headers(self, path: str) -> tuple[str, Mapping[str, str]]:
        async with self._request(path, None) as response:
            return await response.text(), response.headers

    async def header(self, path: str, name: str, query: Query | None = None) -> str:
        async with self._request(path, query) as response:
            return response.headers[name]

    async def document(self, path: str, query: Query | None = None) -> Any:
        async with self._request(path, query) as response:
            return await response.json()

    async def post(self, path: str) -> Any:
        """The service may work for minutes before it responds."""
        limit = DOWNLOAD_SECONDS_MAX
        async with self._request(path, None, method="POST", seconds=limit) as response:
            return await response.json()

    async def lines(self, path: str, query: Query | None = None) -> AsyncIterator[bytes]:
        """Lines without their newlines; raises AuditFailed when the response is cut off."""
        async with self._request(path, query, seconds=DOWNLOAD_SECONDS_MAX) as response:
            rest = b""
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line

    async def download(self, path: str, file: Path, query: Query | None = None) -> None:
        """The whole response into ``file``, which is replaced; raises AuditFailed otherwise."""
        async with self._request(path, query, seconds=DOWNLOAD_SECONDS_MAX) as response:
            with file.open("wb") as out:
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    out.write(chunk)

    async def follow_events(self, after: int, query: Query) -> AsyncIterator[tuple[int, str]]:
        """Number and text of each event, until the connection ends; an empty text is only progress.

        Raises Unavailable also when the connection is dead but was not closed.
        """
        query = {**query, "after": after}
        async with self._request("/events/stream", query, seconds=None) as response:
            number, data = after, ""
            async for line in response.content:
                text = line.decode().rstrip("\n")
                if text.startswith("id: "):
                    number = int(text[4:])
                elif text.startswith("data: "):
                    data = text[6:]
                elif not text:
                    yield number, data
                    data = ""

    @contextlib.asynccontextmanager
    async def _request(
        self,
        path: str,
        query: Query | None,
        *,
        seconds: float | None = RESPONSE_SECONDS_MAX,
        method: str = "GET",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        limit = aiohttp.ClientTimeout(
            total=seconds,
            sock_connect=RESPONSE_SECONDS_MAX,
            sock_read=STREAM_IDLE_SECONDS_MAX if seconds is None else None,
        )
        try:
            async with self._session.request(method, path, params=query, timeout=limit) as response:
                if not response.ok:
                    raise await _failure(response)
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(
                f"The history service does not respond: {str(error) or type(error).__name__}."
            ) from error


@contextlib.asynccontextmanager
async def open_history_client(url: str, token: Secret) -> AsyncIterator[HistoryClient]:
    async with aiohttp.ClientSession(
        url,
        headers={"Authorization": f"Bearer {token.reveal()}"},
        read_bufsize=LINE_BYTES_MAX,
    ) as session:
        yield HistoryClient(session)


async def _failure(response: aiohttp.ClientResponse) -> AuditFailed:
    if response.status == HTTPStatus.UNAUTHORIZED:
        return TokenNotAccepted("The history service does not accept this Connect token.")
    try:
        reason = (await response.json(content_type=None))["message"]
    except (ValueError, TypeError, KeyError):
        reason = response.reason
    message = f"The history service refused with {response.status}: {str(reason).rstrip('.')}."
    return _error_class_for(response.status)(message)


def _error_class_for(status: int) -> type[AuditFailed]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    return NotFound if status == HTTPStatus.NOT_FOUND else AuditFailed
