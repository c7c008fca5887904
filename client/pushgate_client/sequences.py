"""Sequences: nanoseconds since 1970, each greater than all that were given out before."""

from __future__ import annotations

from pushgate_client.clock import ClientClock


class Sequences:
    """For one process. An outbox (``Outbox.next_sequences``) remembers across processes."""

    def __init__(self, clock: ClientClock, last: int = 0) -> None:
        self.last = last
        self._clock = clock

    def take(self, count: int) -> int:
        """The first of so many in a row. The clock may go back, they don't."""
        first = max(self.last + 1, self._clock.nanoseconds())
        self.last = first + count - 1
        return first
