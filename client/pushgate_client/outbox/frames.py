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

_MAGIC = b"\x93PGE"
_LENGTHS = struct.Struct("<4sII")
# Of the lengths and the header, and of the body: a header can be trusted without its body.
_CHECKSUMS = struct.Struct("<II")
HEAD_BYTES = _LENGTHS.size + _CHECKSUMS.size
_CHUNK_BYTES = 1_000_000


class Frame(NamedTuple):
    """``offset`` and ``end`` are places in the file. ``body`` is None when it was passed over."""

    offset: int
    end: int
    header: dict[str, Any]
    body_bytes: int
    body: bytes | None

    @property
    def whole_body(self) -> bytes:
        assert self.body is not None, "it was read"
        return self.body


class Damage(NamedTuple):
    """Bytes that belong to no whole frame."""

    offset: int
    end: int


def frame_of(header: bytes, body: bytes) -> list[bytes]:
    """The parts to be written one after the other; the body is not copied."""
    lengths = _LENGTHS.pack(_MAGIC, len(header), len(body))
    checksums = _CHECKSUMS.pack(zlib.crc32(header, zlib.crc32(lengths)), zlib.crc32(body))
    return [lengths + checksums + header, body]


def read_frame(file: IO[bytes], offset: int, *, bodies_max: int = BODY_BYTES_MAX) -> Frame | None:
    """None when there is no whole frame at this place.

    A body of more than ``bodies_max`` bytes is passed over, and its checksum with it.
    """
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    magic, header_bytes, body_bytes = _LENGTHS.unpack_from(head)
    if magic != _MAGIC or header_bytes > HEADER_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        return None
    of_header, of_body = _CHECKSUMS.unpack_from(head, _LENGTHS.size)
    header = file.read(header_bytes)
    if zlib.crc32(header, zlib.crc32(head[: _LENGTHS.size])) != of_header:
        return None
    end = offset + HEAD_BYTES + header_bytes + body_bytes
    body = None
    if body_bytes <= bodies_max:
        body = file.read(body_bytes)
        if len(body) < body_bytes or zlib.crc32(body) != of_body:
            return None
    return Frame(offset, end, orjson.loads(header), body_bytes, body)


def read_frames(
    file: IO[bytes], offset: int, end: int, *, bodies_max: int = BODY_BYTES_MAX
) -> Iterator[Frame | Damage]:
    """Everything from ``offset`` to ``end``, in order; only whole frames count as such."""
    while offset < end:
        frame = read_frame(file, offset, bodies_max=bodies_max)
        if frame is None or frame.end > end:
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
        found = chunk.find(_MAGIC)
        while found >= 0:
            if read_frame(file, offset + found) is not None:
                return offset + found
            found = chunk.find(_MAGIC, found + 1)
        # A mark may lie across the edge of the chunk.
        offset += max(len(chunk) - len(_MAGIC) + 1, 1)
    return end
