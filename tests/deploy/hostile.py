"""Requests that carry a text in every place where it does not belong."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp

from tests.deploy.watched import Watched

ANSWER_SECONDS_MAX = 5.0
SERVED = ("tokens", "ingest", "history")


async def hostile_requests(watched: Watched, text: str) -> list[str]:
    """The bodies of the answers. ``text`` is in no body that was sent: bodies are the caller's."""
    answers = []
    for program in SERVED:
        url = watched.url(program)
        for method, path, headers in _requests(text):
            async with watched.session.request(method, url + path, headers=headers) as answer:
                answers.append(await answer.text())
        answers += [await _answer_to(url, raw) for raw in _malformed(text)]
    return answers


def _requests(text: str) -> list[tuple[str, str, dict[str, str]]]:
    bearer = {"Authorization": f"Bearer {text}"}
    return [
        ("GET", f"/{text}", {}),
        ("POST", f"/v2/import/{text}", bearer),
        ("POST", f"/v2/import/push?access_token={text}", {}),
        ("POST", f"/v2/import/batch?token={text}", bearer),
        ("GET", f"/v4/sources/{text}", bearer),
        ("GET", f"/v4/{text}/tokens", {"Cookie": f"session={text}"}),
        ("PATCH", "/v4/sources", {**bearer, "X-Request-Id": text, "User-Agent": text}),
        ("POST", "/v2/import/push", {**bearer, "Content-Type": f"text/{text}"}),
        ("POST", "/v2/import/push", {**bearer, "Content-Encoding": text}),
        ("POST", "/v2/import/batch", {"Authorization": f"Basic {text}"}),
        ("POST", "/v2/import/batch", {"Authorization": text, "X-Forwarded-For": text}),
        ("GET", f"/log/entries?after={text}", bearer),
        ("GET", f"/tile/{text}", {"Referer": f"http://elsewhere.example/{text}"}),
        ("BREW", "/v2/import/push", {**bearer, "Idempotency-Key": text}),
    ]


def _malformed(text: str) -> list[bytes]:
    word = text.encode()
    return [
        b"GET /" + word + b" HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /v2/import/push HTTP/1.1\r\nHost: x\r\nAuthorization Bearer " + word + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + word + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + word + b"a" * 20_000 + b"\r\n\r\n",
        word + b"\r\n\r\n",
    ]


async def _answer_to(url: str, raw: bytes) -> str:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(raw)
        writer.write_eof()
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return (await reader.read()).decode(errors="replace")
    except (ConnectionError, TimeoutError, aiohttp.ClientError):
        return ""
    finally:
        writer.close()
