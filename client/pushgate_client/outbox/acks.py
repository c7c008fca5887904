"""The acknowledgements of a segment: which of its entries are settled. Twenty bytes each.

They are not flushed to disk. One that is lost in a power failure means that its entry is sent
again, which changes nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_ACK = struct.Struct("<QII")
_CHECKSUM = struct.Struct("<I")
ACK_BYTES = _ACK.size + _CHECKSUM.size


class Ack(NamedTuple):
    """``sent``: how many of the entry's records are stored; the others were set aside."""

    id: int
    records: int
    sent: int


def pack_acks(acks: Iterable[Ack]) -> bytes:
    packed = [_ACK.pack(*mark) for mark in acks]
    return b"".join(each + _CHECKSUM.pack(zlib.crc32(each)) for each in packed)


def read_acks(path: Path) -> dict[int, Ack]:
    """By id. An incomplete acknowledgement is ignored."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[int, Ack] = {}
    for at in range(0, len(raw) - ACK_BYTES + 1, ACK_BYTES):
        packed = raw[at : at + _ACK.size]
        if zlib.crc32(packed) == _CHECKSUM.unpack_from(raw, at + _ACK.size)[0]:
            ack = Ack(*_ACK.unpack(packed))
            found[ack.id] = ack
    return found


def whole_acks_bytes(path: Path) -> int:
    """Where the next one is written: over one that is incomplete at the end."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    return size - size % ACK_BYTES
