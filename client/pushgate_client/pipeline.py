"""A few things at once, begun in order; the first failure ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class BoundedTaskGroup:
    """``width``: how many are under way at most."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._under_way: set[asyncio.Task[Any]] = set()
        self._results: list[Any] = []

    async def __aenter__(self) -> BoundedTaskGroup:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def add(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            while len(self._under_way) >= self._width:
                await self._wait(asyncio.FIRST_COMPLETED)
        except BaseException:
            work.close()
            raise
        self._under_way.add(asyncio.create_task(work))

    async def finished(self) -> list[Any]:
        while self._under_way:
            await self._wait(asyncio.ALL_COMPLETED)
        return self._results

    async def _wait(self, until: str) -> None:
        done, self._under_way = await asyncio.wait(self._under_way, return_when=until)
        failures = [failure for task in done if (failure := task.exception()) is not None]
        if failures:
            raise failures[0]
        self._results += [task.result() for task in done]
