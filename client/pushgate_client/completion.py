"""Run shutdown work to its end, even if the caller is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Returned = TypeVar("Returned")


async def run_to_completion(work: Coroutine[Any, Any, None]) -> None:
    """A cancellation that arrives meanwhile is raised after ``work`` has ended.

    Use it only for work that is bounded and must not be left half done: otherwise a lock would stay
    taken for as long as the process runs.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as again:
            cancelled = again
    if cancelled is not None:
        raise cancelled
    task.result()
