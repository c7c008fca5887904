"""A clock that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 11, 27, 9, 30, 15, tzinfo=UTC)


class SetClock:
    def __init__(self, now: datetime = BEGINNING) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - BEGINNING).total_seconds()

    def goes_on(self, **passed: float) -> None:
        """``goes_on(minutes=5)``."""
        self._now += timedelta(**passed)
