"""The history service as the commands use it, over HTTP with an auditor's Connect token."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from cli.errors import CommandFailed
from cli.installation import Installation

RESPONSE_SECONDS_MAX = 30.0
DOWNLOAD_SECONDS_MAX = 3_600.0
# A stream gives a sign of life every 15 to 18 seconds: a longer silence is a dead connection's.
STREAM_IDLE_SECONDS_MAX = 60.0
CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 1 << 20


class NotFound(CommandFailed):
    """What was asked for does not exist, or not yet."""


class Unavailable(CommandFailed):
    """The service, or its database, is away: the same question may be answered later."""


Query = Mapping[str, str | int | list[str]]


class HistoryApi:
    """Every method raises CommandFailed with the service's reason and what can be done about it."""

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
        """What is asked for may be work for minutes."""
        async with self._request(
            path, None, method="POST", seconds=DOWNLOAD_SECONDS_MAX
        ) as response:
            return await response.json()

    async def lines(self, path: str, query: Query | None = None) -> AsyncIterator[bytes]:
        """Without their newlines; raises CommandFailed when the answer is cut off."""
        async with self._request(path, query, seconds=DOWNLOAD_SECONDS_MAX) as response:
            rest = b""
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line

    async def download(self, path: str, file: Path, query: Query | None = None) -> None:
        """The whole answer, or CommandFailed; what was there before is replaced."""
        async with self._request(path, query, seconds=DOWNLOAD_SECONDS_MAX) as response:
            with file.open("wb") as out:
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    out.write(chunk)

    async def follow_events(self, after: int, query: Query) -> AsyncIterator[tuple[int, str]]:
        """Number and text of each, until the connection ends; an empty text is only progress.

        Raises NotNow also when the connection is dead without having ended.
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
                f"The history service does not answer: {str(error) or type(error).__name__}."
                " Is `pushgate up` running? PUSHGATE_HISTORY_URL names another address."
            ) from error


@contextlib.asynccontextmanager
async def history_api(installation: Installation) -> AsyncIterator[HistoryApi]:
    async with aiohttp.ClientSession(
        installation.history_url(),
        headers={"Authorization": f"Bearer {installation.history_token().reveal()}"},
        read_bufsize=LINE_BYTES_MAX,
    ) as session:
        yield HistoryApi(session)


async def _failure(response: aiohttp.ClientResponse) -> CommandFailed:
    if response.status == HTTPStatus.UNAUTHORIZED:
        return CommandFailed(
            "The history service does not accept this Connect token: set PUSHGATE_CONNECT_TOKEN to"
            " an active one (`pushgate connect-tokens generate --role auditor` makes one)."
        )
    try:
        reason = (await response.json(content_type=None))["message"]
    except (ValueError, TypeError, KeyError):
        reason = response.reason
    told = f"The history service refused with {response.status}: {str(reason).rstrip('.')}."
    return _error_class_for(response.status)(told)


def _error_class_for(status: int) -> type[CommandFailed]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    return NotFound if status == HTTPStatus.NOT_FOUND else CommandFailed
