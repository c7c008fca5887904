"""The children's log files, bounded without the children knowing."""

import asyncio
import io
import os
import shutil
from pathlib import Path
from typing import IO, TextIO

BYTES_MAX = 16 * 1024 * 1024
CHECK_SECONDS = 10.0


def open_log(path: Path) -> IO[bytes]:
    """Appending, for its owner only: a writer goes on at the end, wherever that is by then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def open_log_text(path: Path) -> TextIO:
    return io.TextIOWrapper(open_log(path), encoding="utf-8", write_through=True)


async def rotate_forever(directory: Path) -> None:
    """For ever: a log over ``BYTES_MAX`` becomes ``<name>.1`` and starts anew."""
    while True:
        await asyncio.to_thread(rotate, directory)
        await asyncio.sleep(CHECK_SECONDS)


def rotate(directory: Path, *, bytes_max: int = BYTES_MAX) -> None:
    """Copies, then empties, because a child goes on writing to the file it was given.

    Lines written between the two are lost.
    """
    for path in directory.glob("*.log"):
        if path.stat().st_size > bytes_max:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
