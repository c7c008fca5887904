"""Bodies at rest: zstd, exactly the bytes that were parsed, and their SHA-256."""

import hashlib
from typing import NamedTuple

import zstandard

# bench/README.md has the figures. On JSON a higher level costs more time than it saves in bytes to
# write, a lower one saves less time than its bytes cost. A body that is small holds little to be
# found twice, and in a tiny one, of a single short record, it is not worth looking.
LEVEL, SMALL_LEVEL, TINY_LEVEL = 1, -1, -64
TINY_BYTES_MAX = 256
SMALL_BYTES_MAX = 512

# A kept body is inflated up to this, whatever its frame claims: nothing larger is ever accepted.
DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024

_USUAL = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
_SMALL = zstandard.ZstdCompressor(level=SMALL_LEVEL, write_checksum=True)
_TINY = zstandard.ZstdCompressor(level=TINY_LEVEL, write_checksum=True)
_DECOMPRESSOR = zstandard.ZstdDecompressor()


class EncodedBody(NamedTuple):
    compressed: bytes
    sha256: bytes


def encode_body(body: bytes) -> EncodedBody:
    """``body`` as the journal has it, and its hash.

    In the caller's thread, also for a large one: a thread beside the event loop, which needs the
    interpreter lock to begin and to end, made this slower and the loop too.
    """
    return EncodedBody(compress(body), hashlib.sha256(body).digest())


def compress(body: bytes) -> bytes:
    """By one thread at a time: a compressor serves one caller."""
    size = len(body)
    if size <= TINY_BYTES_MAX:
        return _TINY.compress(body)
    return (_SMALL if size <= SMALL_BYTES_MAX else _USUAL).compress(body)


def decompress(compressed: bytes) -> bytes:
    """Raises zstandard.ZstdError when the bytes are not what ``compress`` made. By one thread."""
    return _DECOMPRESSOR.decompress(compressed, max_output_size=DECOMPRESSED_BYTES_MAX)
