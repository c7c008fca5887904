"""Log files of the children, rotated without their help."""

import asyncio
import io
import os
import shutil
from pathlib import Path
from typing import IO, TextIO

BYTES_MAX = 16 * 1024 * 1024
CHECK_SECONDS = 10.0


def open_log(path: Path) -> IO[bytes]:
    """For appending, readable by its owner only; a truncated file is continued at its new end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def open_log_text(path: Path) -> TextIO:
    return io.TextIOWrapper(open_log(path), encoding="utf-8", write_through=True)


async def rotate_forever(directory: Path) -> None:
    """Rotates a log over ``BYTES_MAX`` to ``<name>.1``; runs until it is cancelled."""
    while True:
        await asyncio.to_thread(rotate, directory)
        await asyncio.sleep(CHECK_SECONDS)


def rotate(directory: Path, *, bytes_max: int = BYTES_MAX) -> None:
    """Copy and truncate, because a child keeps writing to the file that it inherited.

    Lines written in between are lost.
    """
    for path in directory.glob("*.log"):
        if path.stat().st_size > bytes_max:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
