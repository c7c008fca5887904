"""Sequences: nanoseconds since 1970, each greater than all before it."""

from __future__ import annotations

from pushgate_client.clock import ClientClock


class Sequences:
    """For one process. ``Outbox.next_sequences`` keeps the order across processes."""

    def __init__(self, clock: ClientClock, last: int = 0) -> None:
        self.last = last
        self._clock = clock

    def take(self, count: int) -> int:
        """The first of ``count`` in a row. They never go back, even if the clock does."""
        first = max(self.last + 1, self._clock.nanoseconds())
        self.last = first + count - 1
        return first
