"""The memory budget for request bodies: how many bytes are in memory, and how many may be."""

from types import TracebackType
from typing import Self

from protocol.refusals.edge import ServiceUnavailable


class MemoryBudget:
    """Shared by all requests of a program; ``bytes`` is the sum of their reservations."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes = 0
        self.bytes_max = bytes_max


class Reservation:
    """The share of one request. A context manager: leaving the block returns it to the budget."""

    __slots__ = ("_budget", "_bytes")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._bytes = 0

    def reserve(self, more_bytes: int) -> None:
        """Raises ServiceUnavailable, and reserves nothing, if the budget would be exceeded."""
        if self._budget.bytes + more_bytes > self._budget.bytes_max:
            raise ServiceUnavailable
        self._budget.bytes += more_bytes
        self._bytes += more_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.bytes -= self._bytes
