"""One process at a time has an outbox."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pushgate_client.errors import OutboxLocked


class DirectoryLock:
    """The system lets go of it when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = -1

    def take(self) -> None:
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
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
