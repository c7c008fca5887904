"""Signed 64-bit integers: sequences and table versions (wire contract X20)."""

from typing import Any

from protocol.limits import SEQUENCE_MAX, SEQUENCE_MIN


def are_sequences(column: list[Any]) -> bool:
    """Whether every one is an integer in range; ``True`` and ``1.0`` are none."""
    return sequence_range(column) is not None


def sequence_range(column: list[Any]) -> tuple[int, int] | None:
    """The least and the greatest; None when they are not all sequences."""
    if set(map(type, column)) != {int}:
        return None
    least, greatest = min(column), max(column)
    return (least, greatest) if least >= SEQUENCE_MIN and greatest <= SEQUENCE_MAX else None
