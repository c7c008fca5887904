"""Requests out of a file for those who send them, as long as there are more and it has a point."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from cli.push.json_input import InvalidInput
from cli.push.report import Problem, PushOutcome, Report
from cli.push.requests import PushRequest

INTERRUPTED = "the push was interrupted"
_UNUSABLE_AT_ONCE = 100


class Producer:
    """What can't be sent goes into the report; ``records`` is how many were read."""

    def __init__(self, items: Iterator[PushRequest | InvalidInput], report: Report) -> None:
        self.ended_by: str | None = None
        self.records = 0
        self._items = items
        self._report = report
        self._ended = asyncio.Event()
        self._turn = asyncio.Lock()
        self._reading: asyncio.Task[list[PushRequest | InvalidInput]] | None = None
        self._last_number = 0
        self._read_whole = False

    def end(self, why: str) -> None:
        """Nobody gets any more; the first reason counts."""
        self.ended_by = self.ended_by or why
        self._ended.set()

    async def to(self, put: Callable[[PushRequest], Awaitable[None]], *, at_once: int) -> None:
        """Returns when all was put, or the push has ended; what is being put then is waited for."""
        workers = [asyncio.create_task(self._work(put)) for _ in range(at_once)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def name_the_rest(self, *, counts_rest: bool) -> None:
        """After an early end. ``counts_rest``: read on to count what is left of the input."""
        if self.ended_by is None or self._read_whole:
            return
        first, last, records = self._last_number + 1, None, None
        if counts_rest:
            before = self.records
            while self._taken(await self._read()):
                pass
            last, records = self._last_number, self.records - before
        self._report.still_reading = self._reading is not None and not self._reading.done()
        if records == 0:
            return
        self._report.problems.append(
            Problem(
                outcome=PushOutcome.UNSENT,
                first=first,
                last=last,
                records=records,
                reason=self.ended_by,
            )
        )

    async def _work(self, put: Callable[[PushRequest], Awaitable[None]]) -> None:
        while items := await self._next():
            for item in items:
                if isinstance(item, InvalidInput):
                    self._report.problems.append(_unusable(item))
                else:
                    await put(item)
            if self._report.is_full:
                self.end("too much went wrong before")

    async def _next(self) -> list[PushRequest | InvalidInput]:
        """Empty when there is nothing more to send; what was being read then stays to be read."""
        async with self._turn:
            if self._ended.is_set():
                return []
            ended = asyncio.create_task(self._ended.wait())
            try:
                await asyncio.wait({self._read(), ended}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
            return [] if self._ended.is_set() else self._taken(await self._read())

    def _read(self) -> asyncio.Task[list[PushRequest | InvalidInput]]:
        """In a thread: a pipe may keep us waiting while answers come in."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(_up_to_a_request, self._items))
        return self._reading

    def _taken(self, items: list[PushRequest | InvalidInput]) -> list[PushRequest | InvalidInput]:
        self._reading = None
        for item in items:
            self._last_number = item.number if isinstance(item, InvalidInput) else item.last
            self._read_whole = item.ends
            self.records += 1 if isinstance(item, InvalidInput) else item.records
        return items


def _up_to_a_request(
    items: Iterator[PushRequest | InvalidInput],
) -> list[PushRequest | InvalidInput]:
    """What can't be sent comes with what follows it: asking for each alone takes its time."""
    found: list[PushRequest | InvalidInput] = []
    for item in items:
        found.append(item)
        if not isinstance(item, InvalidInput) or len(found) == _UNUSABLE_AT_ONCE:
            break
    return found


def _unusable(item: InvalidInput) -> Problem:
    return Problem(
        outcome=PushOutcome.UNUSABLE,
        first=item.number,
        last=None if item.ends else item.number,
        records=None if item.ends else 1,
        reason=item.reason,
    )
