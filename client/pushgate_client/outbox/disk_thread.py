"""The thread that does an outbox's disk work, one call at a time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pushgate_client.completion import Returned


class DiskThread:
    """``await disk(store.append, entries)`` runs the call in the thread."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pushgate-outbox")

    async def __call__(
        self, work: Callable[..., Returned], *arguments: Any, **named: Any
    ) -> Returned:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, functools.partial(work, *arguments, **named)
        )

    def stop(self) -> None:
        self._executor.shutdown(wait=False)
