"""What an auditor keeps between two verifications: the key, and the last checkpoint seen.

Both belong on the auditor's own machine: whoever holds an old checkpoint can prove that the log
only grew since.
"""

from datetime import UTC, datetime
from pathlib import Path

from services.runtime.private_files import write_private


class TrustStore:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def key_file(self) -> Path:
        return self._directory / "key"

    @property
    def checkpoint_file(self) -> Path:
        return self._directory / "checkpoint"

    @property
    def key(self) -> str:
        """Empty when none is kept."""
        return _read_text(self.key_file)

    @property
    def checkpoint(self) -> str:
        return _read_text(self.checkpoint_file)

    @property
    def seen_at(self) -> datetime | None:
        if not self.checkpoint_file.exists():
            return None
        return datetime.fromtimestamp(self.checkpoint_file.stat().st_mtime, UTC)

    @property
    def whole(self) -> bool:
        """Whether everything was shown before: then nothing may be hidden behind a hash later."""
        return self._whole_file.exists()

    @property
    def _whole_file(self) -> Path:
        return self._directory / "whole"

    def keep(self, *, key: str, checkpoint: str, whole: bool) -> None:
        """Only what was verified: it is the measure of everything that comes later."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.key_file, key.strip() + "\n")
        write_private(self.checkpoint_file, checkpoint)
        if whole:
            write_private(self._whole_file, "Everything was shown.\n")


def _read_text(path: Path) -> str:
    """What is no text is no key and no checkpoint either, and is named as such."""
    return path.read_text("utf-8", "replace") if path.exists() else ""
