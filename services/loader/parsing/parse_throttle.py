"""Who has the interpreter: loads that wait for short answers, or the reading of what comes next.

Reading goes in steps of up to a quarter of a second, and a load asks twenty short things of the
destination. Were every answer to wait for such a step, the destination would stand still for most
of a load, and nothing would be left to read while it works for long.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from asyncpg import Record

from services.loader.catalog.catalog import DestinationConnection

# So long reading that is ahead of its time rests for the sake of the loads in hand, then goes one
# step: with many of them, there may always be one that waits for something short.
YIELD_SECONDS_MAX = 0.5


class ParseThrottle:
    """One for all slots of a loader."""

    def __init__(self) -> None:
        self._foreground_loads = 0
        self._no_load = asyncio.Event()
        self._no_load.set()

    @contextlib.contextmanager
    def foreground(self) -> Iterator[None]:
        """A load: what it waits for is short, but for ``execute_long``."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    async def execute_long(
        self, connection: DestinationConnection, statement: str, values: Sequence[object] = ()
    ) -> str:
        """Within ``hurry``: a statement over many rows, for which others need not hurry.

        Answers with its status.
        """
        _, status = await self._run_long(connection, statement, values)
        return status

    async def fetch_long(
        self, connection: DestinationConnection, statement: str, values: Sequence[object] = ()
    ) -> list[Record]:
        """As ``execute_long``; answers with its rows."""
        rows, _ = await self._run_long(connection, statement, values)
        return rows

    async def _run_long(
        self, connection: DestinationConnection, statement: str, values: Sequence[object]
    ) -> tuple[list[Record], str]:
        """It is prepared first, so that it is under way when the others go on."""
        prepared = await connection.prepare(statement)
        self._change(-1)
        try:
            rows = await prepared.fetch(*values)
        finally:
            self._change(1)
        return rows, prepared.get_statusmsg() or ""

    def _change(self, by: int) -> None:
        self._foreground_loads += by
        if self._foreground_loads:
            self._no_load.clear()
        else:
            self._no_load.set()

    async def yield_to_loads(self, wanted: asyncio.Event) -> None:
        """Between two steps of reading; ends at once when what is read is ``wanted``."""
        await asyncio.sleep(0)
        if self._no_load.is_set() or wanted.is_set():
            return
        either = [asyncio.create_task(event.wait()) for event in (self._no_load, wanted)]
        try:
            await asyncio.wait(
                either, timeout=YIELD_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for waiting in either:
                waiting.cancel()
