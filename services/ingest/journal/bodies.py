"""Bodies at rest: zstd, exactly the bytes that were parsed."""

import zstandard

# bench/README.md has the figures: higher levels save little on JSON and cost more than parsing it.
LEVEL = 1

# A body is inflated against this, whatever its frame claims: nothing larger was ever accepted.
INFLATED_BYTES_MAX = 64 * 1024 * 1024

_COMPRESSOR = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)


def deflate(body: bytes) -> bytes:
    """Only from the event loop's thread: one compression context serves all."""
    return _COMPRESSOR.compress(body)


def inflate(kept: bytes) -> bytes:
    """Raises zstandard.ZstdError when the bytes are not what ``deflate`` made."""
    return zstandard.ZstdDecompressor().decompress(kept, max_output_size=INFLATED_BYTES_MAX)
