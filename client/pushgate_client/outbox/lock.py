"""The lock of an outbox: one process at a time has it open."""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from pathlib import Path
from typing import ClassVar

from pushgate_client.errors import OutboxLocked


class DirectoryLock:
    """The operating system releases it when the process ends, however it ends.

    A fork of the process releases its copy immediately, because it may live longer.
    """

    _taken: ClassVar[weakref.WeakSet[DirectoryLock]] = weakref.WeakSet()

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = -1

    def acquire(self) -> None:
        """Raises OutboxLocked."""
        path = self._directory / "lock"
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 100).decode("ascii", "replace").strip()
            os.close(file)
            raise OutboxLocked(
                self._directory, f"process {holder}" if holder else "another process"
            ) from None
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._taken.add(self)
        # For the message of OutboxLocked; a full disk is no reason to fail.
        with contextlib.suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._taken.discard(self)

    @classmethod
    def release_all(cls) -> None:
        for lock in list(cls._taken):
            lock.release()


os.register_at_fork(after_in_child=DirectoryLock.release_all)
