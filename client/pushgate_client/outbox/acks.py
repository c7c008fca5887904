"""Beside each segment: which of its entries are settled. Twenty bytes a mark, appended.

Marks are not flushed one by one: what is lost with the power is sent again, which changes nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_MARK = struct.Struct("<QII")
_CHECKSUM = struct.Struct("<I")
MARK_BYTES = _MARK.size + _CHECKSUM.size


class Mark(NamedTuple):
    """``sent``: how many of the entry's records were accepted; the others were set aside."""

    id: int
    records: int
    sent: int


def mark_bytes(marks: Iterable[Mark]) -> bytes:
    packed = [_MARK.pack(*mark) for mark in marks]
    return b"".join(each + _CHECKSUM.pack(zlib.crc32(each)) for each in packed)


def read_marks(path: Path) -> dict[int, Mark]:
    """By id. A mark that is not whole is none."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[int, Mark] = {}
    for at in range(0, len(raw) - MARK_BYTES + 1, MARK_BYTES):
        packed = raw[at : at + _MARK.size]
        if zlib.crc32(packed) == _CHECKSUM.unpack_from(raw, at + _MARK.size)[0]:
            mark = Mark(*_MARK.unpack(packed))
            found[mark.id] = mark
    return found


def whole_marks_bytes(path: Path) -> int:
    """Where the next mark goes: what was half written at the end is written over."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    return size - size % MARK_BYTES
