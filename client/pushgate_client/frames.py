"""How an entry lies in a segment: a head with lengths and a checksum, a header in JSON, the body.

What was cut off or damaged is recognised by the checksum; the next whole frame is found by the mark
that each begins with, so that damage costs only what lies under it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import orjson

from pushgate_client.limits import BODY_BYTES_MAX, HEADER_BYTES_MAX

_MARK = b"\x93PGE"
_LENGTHS = struct.Struct("<4sII")
_CHECKSUM = struct.Struct("<I")
HEAD_BYTES = _LENGTHS.size + _CHECKSUM.size
_CHUNK_BYTES = 1_000_000


class Frame(NamedTuple):
    """``offset`` and ``end`` are places in the file."""

    offset: int
    end: int
    header: dict[str, Any]
    body: bytes


class Damage(NamedTuple):
    """Bytes that belong to no whole frame."""

    offset: int
    end: int


def frame_of(header: bytes, body: bytes) -> list[bytes]:
    """The parts to be written one after the other; the body is not copied."""
    lengths = _LENGTHS.pack(_MARK, len(header), len(body))
    checksum = zlib.crc32(body, zlib.crc32(header, zlib.crc32(lengths)))
    return [lengths + _CHECKSUM.pack(checksum) + header, body]


def read_frame(file: IO[bytes], offset: int) -> Frame | None:
    """None when there is no whole frame at this place."""
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    mark, header_bytes, body_bytes = _LENGTHS.unpack_from(head)
    if mark != _MARK or header_bytes > HEADER_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        return None
    header, body = file.read(header_bytes), file.read(body_bytes)
    if len(header) + len(body) < header_bytes + body_bytes:
        return None
    checksum = zlib.crc32(body, zlib.crc32(header, zlib.crc32(head[: _LENGTHS.size])))
    if checksum != _CHECKSUM.unpack_from(head, _LENGTHS.size)[0]:
        return None
    end = offset + HEAD_BYTES + header_bytes + body_bytes
    return Frame(offset, end, orjson.loads(header), body)


def read_frames(file: IO[bytes], offset: int, end: int) -> Iterator[Frame | Damage]:
    """Everything from ``offset`` to ``end``, in order; only whole frames count as such."""
    while offset < end:
        frame = read_frame(file, offset)
        if frame is None:
            resumed = _next_frame(file, offset + 1, end)
            yield Damage(offset, resumed)
            offset = resumed
        else:
            yield frame
            offset = frame.end


def _next_frame(file: IO[bytes], offset: int, end: int) -> int:
    """Where the next whole frame begins, or ``end``."""
    while offset < end:
        file.seek(offset)
        chunk = file.read(min(_CHUNK_BYTES, end - offset))
        found = chunk.find(_MARK)
        while found >= 0:
            if read_frame(file, offset + found) is not None:
                return offset + found
            found = chunk.find(_MARK, found + 1)
        # A mark may lie across the edge of the chunk.
        offset += max(len(chunk) - len(_MARK) + 1, 1)
    return end
