"""Who has the interpreter: loads that wait for short answers, or the reading of what comes next.

Reading goes in steps of up to a quarter of a second, and a load asks twenty short things of the
destination. Were every answer to wait for such a step, the destination would stand still for most
of a load, and nothing would be left to read while it works for long.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from services.loader.destination import Destination

# So long reading that is ahead of its time rests for the sake of the loads in hand, then goes one
# step: with many of them, there may always be one that waits for something short.
REST_SECONDS_MAX = 0.5


class Pace:
    """One for all slots of a loader."""

    def __init__(self) -> None:
        self._hurried = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextlib.contextmanager
    def hurry(self) -> Iterator[None]:
        """A load: what it waits for is short, but for ``execute_long``."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    async def execute_long(
        self, connection: Destination, statement: str, values: Sequence[object] = ()
    ) -> str:
        """Within ``hurry``: a statement over many rows, for which others need not hurry.

        Answers with its status. It is prepared first, so that it is under way when they go on.
        """
        prepared = await connection.prepare(statement)
        self._change(-1)
        try:
            await prepared.fetch(*values)
        finally:
            self._change(1)
        return prepared.get_statusmsg() or ""

    def _change(self, by: int) -> None:
        self._hurried += by
        if self._hurried:
            self._calm.clear()
        else:
            self._calm.set()

    async def rest(self) -> None:
        """Between two steps of reading ahead."""
        await asyncio.sleep(0)
        if not self._calm.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_SECONDS_MAX):
                    await self._calm.wait()
