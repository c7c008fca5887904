"""The only module that reads the time."""

import time
from typing import Protocol


class ClientClock(Protocol):
    def nanoseconds(self) -> int:
        """Since 1970. It may jump in either direction."""
        ...

    def monotonic(self) -> float:
        """In seconds."""
        ...


class ClientSystemClock:
    def nanoseconds(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()
