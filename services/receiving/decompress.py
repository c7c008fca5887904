"""Compressed bodies: one coding, inflated up to a limit, believed only when whole and undamaged.

aiohttp would do it unasked, and take a gzip cut in half for whole (hostile inputs 17 to 19).
"""

import zlib

import zstandard

from protocol.refusals.edge import BodyTooLarge, BrokenCoding

# What zlib calls the formats with their checksums: CRC-32 of gzip, Adler-32 of deflate.
_ZLIB_FORMATS = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}
_ZSTD = "zstd"
_UNTOLD = -1

CODINGS = frozenset({*_ZLIB_FORMATS, _ZSTD})
ACCEPTED = "gzip, deflate, zstd"

# Memory that a frame may make the decoder keep; the largest body is smaller.
_WINDOW_BYTES_MAX = 32 * 1024 * 1024


def inflate(body: bytes, coding: str, *, bytes_max: int) -> bytes:
    """``coding`` is one of CODINGS.

    Raises BodyTooLarge once ``bytes_max`` are exceeded, however much would follow, and
    BrokenCoding for a body that is cut off, damaged, or followed by anything.
    """
    if coding == _ZSTD:
        return _inflate_zstd(body, bytes_max)
    inflating = zlib.decompressobj(_ZLIB_FORMATS[coding])
    try:
        inflated = inflating.decompress(body, bytes_max + 1)
    except zlib.error:
        raise BrokenCoding from None
    if len(inflated) > bytes_max:
        raise BodyTooLarge(len(inflated))
    if not inflating.eof or inflating.unused_data:
        raise BrokenCoding
    return inflated


def _inflate_zstd(body: bytes, bytes_max: int) -> bytes:
    inflating = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX)
    try:
        told = zstandard.frame_content_size(body)
        if told == _UNTOLD:
            return _inflate_untold(body, bytes_max, inflating)
        if told > bytes_max:
            raise BodyTooLarge(told)
        # As many bytes are set aside as the frame tells; it is an error when they are more or less.
        return inflating.decompress(body, allow_extra_data=False)
    except zstandard.ZstdError:
        raise BrokenCoding from None


def _inflate_untold(body: bytes, bytes_max: int, inflating: zstandard.ZstdDecompressor) -> bytes:
    """A frame that does not tell its size, as streams make them."""
    size = len(inflating.stream_reader(body).read(bytes_max + 1))
    if size > bytes_max:
        raise BodyTooLarge(size)
    # The reader does not tell an end from a cut; this does, and has no limit, nor needs one now.
    whole = inflating.decompressobj()
    inflated = whole.decompress(body)
    if not whole.eof or whole.unused_data:
        raise BrokenCoding
    return inflated
