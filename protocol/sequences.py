"""Signed 64-bit integers: sequences and table versions (wire contract X20)."""

from typing import Any

from protocol.limits import SEQUENCE_MAX, SEQUENCE_MIN


def are_sequences(column: list[Any]) -> bool:
    """Whether every one is an integer in range; ``True`` and ``1.0`` are none."""
    return (
        set(map(type, column)) == {int}
        and max(column) <= SEQUENCE_MAX
        and min(column) >= SEQUENCE_MIN
    )
