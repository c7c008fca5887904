"""Bodies at rest: zstd, exactly the bytes that were parsed, and their SHA-256."""

import asyncio
import hashlib
import threading
from typing import NamedTuple

import zstandard

# bench/README.md has the figures. On JSON a higher level costs more time than it saves in bytes to
# write, a lower one saves less time than its bytes cost. A body that is small holds little to be
# found twice; there the tables of a level above 0 cost more than all the rest.
LEVEL, SMALL_LEVEL = 1, -1
SMALL_BYTES_MAX = 512

# From here on a thread is worth its hand-over: half the time that a large body takes after it was
# parsed goes into code that needs no interpreter lock.
THREAD_BYTES_MIN = 32 * 1024

# A kept body is inflated up to this, whatever its frame claims: nothing larger is ever accepted.
INFLATED_BYTES_MAX = 64 * 1024 * 1024


class _Compressors(threading.local):
    """One set for each thread: a compressor serves one caller at a time."""

    def __init__(self) -> None:
        self.usual = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.small = zstandard.ZstdCompressor(level=SMALL_LEVEL, write_checksum=True)


_of_this_thread = _Compressors()


class Kept(NamedTuple):
    body: bytes
    sha256: bytes


async def keep(body: bytes) -> Kept:
    """``body`` as the journal has it; a large one is made ready beside the event loop."""
    if len(body) < THREAD_BYTES_MIN:
        return _kept(body)
    return await asyncio.get_running_loop().run_in_executor(None, _kept, body)


def _kept(body: bytes) -> Kept:
    return Kept(deflate(body), hashlib.sha256(body).digest())


def deflate(body: bytes) -> bytes:
    compressors = _of_this_thread
    compressor = compressors.small if len(body) <= SMALL_BYTES_MAX else compressors.usual
    return compressor.compress(body)


def inflate(kept: bytes) -> bytes:
    """Raises zstandard.ZstdError when the bytes are not what ``deflate`` made."""
    return zstandard.ZstdDecompressor().decompress(kept, max_output_size=INFLATED_BYTES_MAX)
