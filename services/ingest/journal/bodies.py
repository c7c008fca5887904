"""Bodies at rest: zstd, exactly the bytes that were parsed, and their SHA-256."""

import asyncio
import hashlib
import threading
from typing import NamedTuple

import zstandard

# bench/README.md has the figures: on JSON a higher level costs more time than it saves in bytes to
# write, a lower one saves less time than its bytes cost.
LEVEL = 1

# From here on a thread is worth its hand-over: half the time that a large body takes after it was
# parsed goes into code that needs no interpreter lock.
THREAD_BYTES_MIN = 32 * 1024

# A kept body is inflated up to this, whatever its frame claims: nothing larger is ever accepted.
INFLATED_BYTES_MAX = 64 * 1024 * 1024

_of_this_thread = threading.local()


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
    try:
        compressor = _of_this_thread.compressor
    except AttributeError:
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        _of_this_thread.compressor = compressor
    kept: bytes = compressor.compress(body)
    return kept


def inflate(kept: bytes) -> bytes:
    """Raises zstandard.ZstdError when the bytes are not what ``deflate`` made."""
    return zstandard.ZstdDecompressor().decompress(kept, max_output_size=INFLATED_BYTES_MAX)
