"""Read requests from the input and hand each to a sender, until the input or the push ends."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from cli.push.report import Report
from cli.push.requests import PushRequest
from pushgate_client.records import InvalidRecord
from pushgate_client.task_group import BoundedTaskGroup

INTERRUPTED = "the push was interrupted"
_INVALID_TOGETHER = 100

Item = PushRequest | InvalidRecord


class Producer:
    """Invalid records go into the report. ``records``: how many were read."""

    def __init__(self, items: Iterator[Item], report: Report) -> None:
        self.records = 0
        self._items = items
        self._report = report
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # It goes on when the push ends: a thread can't be stopped.
        self._reading: asyncio.Task[list[Item]] | None = None
        self._last_number = 0
        self._is_read_whole = False

    @property
    def ended_by(self) -> str | None:
        """Why the push ended before its input did."""
        return self._end.result() if self._end.done() else None

    def end(self, why: str) -> None:
        """Starts no more requests; the first reason counts."""
        if not self._end.done():
            self._end.set_result(why)

    async def run(
        self, send: Callable[[PushRequest], Coroutine[Any, Any, None]], *, connections: int
    ) -> None:
        """Has as many requests under way at once; returns when the last one is answered."""
        async with BoundedTaskGroup(connections) as requests:
            while items := await self._next_items(requests):
                for item in items:
                    if isinstance(item, InvalidRecord):
                        self._report.add_invalid(item)
                    else:
                        await requests.add(send(item))
                if self._report.is_full:
                    self.end("too much went wrong before")
            await requests.finished()

    async def report_unread(self, *, count: bool) -> None:
        """After an early end. ``count``: read on to count what is left of the input."""
        if self.ended_by is None or self._is_read_whole:
            return
        first, last, records = self._last_number + 1, None, None
        if count:
            before = self.records
            while self._taken(await self._read()):
                pass
            last, records = self._last_number, self.records - before
        self._report.still_reading = self._reading is not None and not self._reading.done()
        if records != 0:
            self._report.add_unread(first, last, records, self.ended_by)

    async def _next_items(self, requests: BoundedTaskGroup) -> list[Item]:
        """Empty at the end. What is being read then stays to be read."""
        await requests.wait_for_slot()
        if self._end.done():
            return []
        reading = self._read()
        while not reading.done() and not self._end.done():
            watched: set[asyncio.Future[Any]] = {reading, self._end, *requests.running}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            requests.collect()
        return [] if self._end.done() else self._taken(await reading)

    def _read(self) -> asyncio.Task[list[Item]]:
        """In a thread: answers must be handled while a pipe is silent."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(_up_to_a_request, self._items))
        return self._reading

    def _taken(self, items: list[Item]) -> list[Item]:
        self._reading = None
        for item in items:
            if isinstance(item, InvalidRecord):
                self._last_number, self._is_read_whole = item.number, item.ends
                self.records += 1
            else:
                self._last_number, self._is_read_whole = item.numbers[-1], item.is_last
                self.records += len(item.numbers)
        return items


def _up_to_a_request(items: Iterator[Item]) -> list[Item]:
    """Invalid records come together with what follows: a thread hop for each would take long."""
    found: list[Item] = []
    for item in items:
        found.append(item)
        if not isinstance(item, InvalidRecord) or len(found) == _INVALID_TOGETHER:
            break
    return found
