"""An app that never stops pushing, and keeps account of every answer."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from services.runtime.clock import wait_for

CONNECTIONS = 6
RECORDS_A_PUSH = 3
REQUEST_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.2
CREATED = 201
# Nothing of these was taken. 503 and 504 ask for the same request again, and are said also where
# nobody can know: ingest's connection broke under a group, or caddy's to ingest.
NOT_TAKEN = frozenset({400, 401, 413, 422})


@dataclass
class Account:
    """By the number that each record carries; no number is sent twice."""

    acknowledged: set[int] = field(default_factory=set)
    not_taken: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    answers: dict[str, int] = field(default_factory=dict)
    # Answers that are no JSON object, which real clients stumble over.
    unreadable: list[str] = field(default_factory=list)

    def note(self, numbers: range, status: int | None, what: str) -> None:
        kept = self.unknown
        if status == CREATED:
            kept = self.acknowledged
        elif status in NOT_TAKEN:
            kept = self.not_taken
        kept.update(numbers)
        self.answers[what] = self.answers.get(what, 0) + 1


class Load:
    """Into an append-only table, where a record taken twice is two rows."""

    TABLE = "events"

    def __init__(self, url: str, token: str) -> None:
        self.account = Account()
        self._url = f"{url}/v2/import/batch"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._numbers = itertools.count()
        self._ending = asyncio.Event()

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[Account]:
        """Pushes for the length of the block; at its end waits for the answers under way."""
        self._ending.clear()
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session:
            pushers = [asyncio.create_task(self._push(session)) for _ in range(CONNECTIONS)]
            try:
                yield self.account
            finally:
                self._ending.set()
                await asyncio.gather(*pushers)

    async def _push(self, session: aiohttp.ClientSession) -> None:
        while not self._ending.is_set():
            first = next(self._numbers) * RECORDS_A_PUSH
            numbers = range(first, first + RECORDS_A_PUSH)
            try:
                async with session.post(self._url, data=self._body(numbers)) as answer:
                    text = await answer.read()
                    self.account.note(numbers, answer.status, str(answer.status))
                    self._read(answer, text)
                    taken = answer.status == CREATED
            except (aiohttp.ClientError, TimeoutError) as error:
                self.account.note(numbers, None, type(error).__name__)
                taken = False
            if not taken:
                await wait_for(self._ending, PAUSE_SECONDS)

    def _read(self, answer: aiohttp.ClientResponse, text: bytes) -> None:
        with contextlib.suppress(orjson.JSONDecodeError):
            if answer.content_type == "application/json" and isinstance(orjson.loads(text), dict):
                return
        self.account.unreadable.append(f"{answer.status} {answer.content_type} {text[:100]!r}")

    def _body(self, numbers: range) -> bytes:
        messages: list[dict[str, Any]] = [
            {"action": "upsert", "sequence": number, "data": {"n": number}} for number in numbers
        ]
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
        return orjson.dumps({"table_name": self.TABLE, "schema": schema, "messages": messages})
