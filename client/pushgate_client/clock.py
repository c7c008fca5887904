"""The one place that asks the time."""

import time
from typing import Protocol


class Clock(Protocol):
    def nanoseconds(self) -> int:
        """Since 1970; may jump in either direction."""
        ...

    def monotonic(self) -> float:
        """In seconds."""
        ...


class SystemClock:
    def nanoseconds(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()
