"""Validate sequences and table versions: signed 64-bit integers (wire contract X20)."""

from typing import Any

from protocol.limits import SEQUENCE_MAX, SEQUENCE_MIN


def are_sequences(column: list[Any]) -> bool:
    """Whether every value is an integer in range; ``True`` and ``1.0`` are not."""
    return sequence_range(column) is not None


def sequence_range(column: list[Any]) -> tuple[int, int] | None:
    """The smallest and the greatest value; None if not all are sequences."""
    if set(map(type, column)) != {int}:
        return None
    least, greatest = min(column), max(column)
    return (least, greatest) if least >= SEQUENCE_MIN and greatest <= SEQUENCE_MAX else None
