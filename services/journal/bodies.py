"""Encoding of stored bodies: zstd of exactly the bytes that were parsed, and their SHA-256."""

import hashlib
from typing import NamedTuple

import zstandard

# Measured (bench/README.md). On JSON a higher level costs more time than the bytes it saves take to
# write, and a lower level saves less time than its extra bytes cost. A small body contains little
# repetition; in a tiny one, with a single short record, searching for it does not pay.
LEVEL, SMALL_LEVEL, TINY_LEVEL = 1, -1, -64
TINY_BYTES_MAX = 256
SMALL_BYTES_MAX = 512

# A stored body is decompressed up to this size, whatever its frame says: no larger one is accepted.
DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024

_USUAL = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
_SMALL = zstandard.ZstdCompressor(level=SMALL_LEVEL, write_checksum=True)
_TINY = zstandard.ZstdCompressor(level=TINY_LEVEL, write_checksum=True)
_DECOMPRESSOR = zstandard.ZstdDecompressor()


class EncodedBody(NamedTuple):
    compressed: bytes
    sha256: bytes


def encode_body(body: bytes) -> EncodedBody:
    """``body`` as the journal stores it, and its hash.

    Runs in the caller's thread even for a large body: another thread needs the interpreter lock to
    start and to end, which made this and the event loop slower.
    """
    return EncodedBody(compress(body), hashlib.sha256(body).digest())


def compress(body: bytes) -> bytes:
    """Not thread-safe: each compressor serves one caller at a time."""
    size = len(body)
    if size <= TINY_BYTES_MAX:
        return _TINY.compress(body)
    return (_SMALL if size <= SMALL_BYTES_MAX else _USUAL).compress(body)


def decompress(compressed: bytes) -> bytes:
    """Raises zstandard.ZstdError unless ``compress`` made these bytes. Not thread-safe."""
    return _DECOMPRESSOR.decompress(compressed, max_output_size=DECOMPRESSED_BYTES_MAX)
