"""Shares the interpreter between loads that wait for the destination and parsing ahead of them.

Parsing runs in steps of up to a quarter of a second, and a load sends some twenty short statements.
If every answer had to wait for such a step, the destination would be idle for most of a load, and
nothing would be left to parse while it runs a long statement. So parsing ahead waits while a load
is in its short statements, and runs during the long ones.
"""

import asyncio
import contextlib
from collections.abc import Iterator

# Parsing ahead waits at most this long for loads, then takes one step: with many loads there may
# always be one that is in a short statement.
YIELD_SECONDS_MAX = 0.5


class ParseThrottle:
    """One for all slots of a loader."""

    def __init__(self) -> None:
        self._foreground_loads = 0
        self._no_load = asyncio.Event()
        self._no_load.set()

    @contextlib.contextmanager
    def foreground(self) -> Iterator[None]:
        """Around a load: its statements are short except within ``background``."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    @contextlib.contextmanager
    def background(self) -> Iterator[None]:
        """Within ``foreground``: around waiting for a statement over many rows."""
        self._change(-1)
        try:
            yield
        finally:
            self._change(1)

    def _change(self, by: int) -> None:
        self._foreground_loads += by
        if self._foreground_loads:
            self._no_load.clear()
        else:
            self._no_load.set()

    async def yield_to_loads(self, needed: asyncio.Event) -> None:
        """Between two steps of parsing; returns as soon as the parsed load is ``needed``."""
        await asyncio.sleep(0)
        if self._no_load.is_set() or needed.is_set():
            return
        either = [asyncio.create_task(event.wait()) for event in (self._no_load, needed)]
        try:
            await asyncio.wait(
                either, timeout=YIELD_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for waiting in either:
                waiting.cancel()
