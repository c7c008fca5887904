"""The frame of an entry in a segment: a head with lengths and checksums, a JSON header, the body.

Checksums reveal a frame that is incomplete or damaged. The next whole frame is found by the magic
bytes that each begins with, so damage affects only the frames that it touches.
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
# One for lengths and header, one for the body, so that a header can be checked without its body.
_CHECKSUMS = struct.Struct("<II")
HEAD_BYTES = _LENGTHS.size + _CHECKSUMS.size
_CHUNK_BYTES = 1_000_000


class Frame(NamedTuple):
    """``offset`` and ``end`` are positions in the file. ``body`` is None if it was skipped."""

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
    """The parts to write, in order; the body is not copied."""
    lengths = _LENGTHS.pack(_MAGIC, len(header), len(body))
    checksums = _CHECKSUMS.pack(zlib.crc32(header, zlib.crc32(lengths)), zlib.crc32(body))
    return [lengths + checksums + header, body]


def read_frame(file: IO[bytes], offset: int, *, bodies_max: int = BODY_BYTES_MAX) -> Frame | None:
    """None if there is no whole frame at ``offset``.

    A body of more than ``bodies_max`` bytes is skipped, and its checksum not checked.
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
    """The frames from ``offset`` to ``end``, and the damage between them, in order."""
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
        # The magic bytes may lie across the edge of the chunk.
        offset += max(len(chunk) - len(_MAGIC) + 1, 1)
    return end
