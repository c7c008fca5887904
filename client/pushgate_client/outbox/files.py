"""Write files atomically, and flush directories."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import orjson


def make_directory(path: Path) -> None:
    """For this user only, because it will hold records."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_whole(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Readers see the old content or the new, also after a power failure."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if flush:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if flush:
        flush_directory(path.parent)


def read_small(path: Path, unwritten: dict[str, Any]) -> dict[str, Any] | None:
    """``unwritten`` if the file does not exist; None if it lacks one of those members."""
    try:
        found = unwritten | orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return unwritten
    except (TypeError, ValueError):
        return None
    has_types = all(type(found[name]) is type(value) for name, value in unwritten.items())
    return found if has_types else None


def flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def delete(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
