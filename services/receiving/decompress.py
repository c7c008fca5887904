"""Decompressing a body: one coding, up to a limit, accepted only if it is whole and undamaged.

aiohttp can decompress bodies too, but takes a truncated gzip for a whole one (hostile inputs 17 to
19).
"""

import zlib

import zstandard

from protocol.refusals.edge import BodyTooLarge, BrokenCoding

# zlib's numbers for the formats that carry a checksum: CRC-32 in gzip, Adler-32 in deflate.
_ZLIB_FORMATS = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}
_ZSTD = "zstd"

CODINGS = frozenset({*_ZLIB_FORMATS, _ZSTD})
ACCEPTED = "gzip, deflate, zstd"

# The window that a frame may demand, which is memory of the decoder; the largest body is smaller.
_WINDOW_BYTES_MAX = 32 * 1024 * 1024

_NOT_STATED = -1
# The best that zstd can do is a block of one repeated byte: 128 KiB from four bytes.
_ZSTD_RATIO_MAX = 128 * 1024 // 4
_STEP_BYTES_MIN = 64
# Each step allocates this much before it knows what it needs.
_STEP_OUTPUT_BYTES = 1024


def inflate(body: bytes, coding: str, *, bytes_max: int) -> bytes:
    """Decompresses ``body``; ``coding`` is one of CODINGS.

    Raises BodyTooLarge as soon as the result exceeds ``bytes_max``, however much would follow, and
    BrokenCoding for a body that is truncated, damaged, or followed by other bytes.
    """
    if coding == _ZSTD:
        return _inflate_zstd(body, bytes_max)
    decompressor = zlib.decompressobj(_ZLIB_FORMATS[coding])
    try:
        inflated = decompressor.decompress(body, bytes_max + 1)
    except zlib.error:
        raise BrokenCoding from None
    if len(inflated) > bytes_max:
        raise BodyTooLarge(len(inflated))
    if not decompressor.eof or decompressor.unused_data:
        raise BrokenCoding
    return inflated


def _inflate_zstd(body: bytes, bytes_max: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX)
    try:
        stated_size = zstandard.frame_content_size(body)
        if stated_size == _NOT_STATED:
            return _inflate_stream(decompressor, body, bytes_max)
        if stated_size > bytes_max:
            raise BodyTooLarge(stated_size)
        # Allocates the stated size; a frame that holds more or less than that is an error.
        return decompressor.decompress(body, allow_extra_data=False)
    except zstandard.ZstdError:
        raise BrokenCoding from None


def _inflate_stream(decompressor: zstandard.ZstdDecompressor, body: bytes, bytes_max: int) -> bytes:
    """A frame that does not state its size, as streaming compressors make them.

    The decoder has no limit of its own, so each step gets no more input than what remains of
    ``bytes_max`` can hold; the smallest step exceeds it by 2 MiB at most.
    """
    frame = decompressor.decompressobj(write_size=_STEP_OUTPUT_BYTES)
    parts = []
    start = size = 0
    while start < len(body):
        if frame.eof:
            raise BrokenCoding
        step = max(_STEP_BYTES_MIN, (bytes_max - size) // _ZSTD_RATIO_MAX)
        parts.append(part := frame.decompress(body[start : start + step]))
        start += step
        size += len(part)
        if size > bytes_max:
            raise BodyTooLarge(bytes_max + 1)
    if not frame.eof or frame.unused_data:
        raise BrokenCoding
    return b"".join(parts)
