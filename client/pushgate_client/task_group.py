"""A task group that runs a bounded number of tasks at a time; a failure ends all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class BoundedTaskGroup:
    """``async with BoundedTaskGroup(width)``. Leaving the block cancels what still runs."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._running: set[asyncio.Task[Any]] = set()
        self._results: list[Any] = []

    async def __aenter__(self) -> BoundedTaskGroup:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    @property
    def running(self) -> frozenset[asyncio.Future[Any]]:
        return frozenset(self._running)

    async def add(self, work: Coroutine[Any, Any, Any]) -> None:
        """Starts ``work`` once fewer than ``width`` tasks run."""
        try:
            await self.wait_for_slot()
        except BaseException:
            work.close()
            raise
        self._running.add(asyncio.create_task(work))

    async def wait_for_slot(self) -> None:
        """Returns when fewer than ``width`` tasks run; raises the first failure of one."""
        while len(self._running) >= self._width:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            self.collect()

    async def finished(self) -> list[Any]:
        """Waits for every task and returns their results, in the order in which they ended."""
        while self._running:
            await asyncio.wait(self._running, return_when=asyncio.ALL_COMPLETED)
            self.collect()
        return self._results

    def collect(self) -> None:
        """Takes in the results of tasks that have ended; raises the first failure among them."""
        done = {task for task in self._running if task.done()}
        self._running -= done
        failures = [failure for task in done if (failure := task.exception()) is not None]
        if failures:
            raise failures[0]
        self._results += [task.result() for task in done]
