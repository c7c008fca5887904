"""What an auditor keeps between two verifications: the key and the checkpoint verified last.

It belongs on the auditor's own machine: an old checkpoint proves that the log only grew since.
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
        """The verifier key, or "" when none is stored."""
        return _read_text(self.key_file)

    @property
    def checkpoint(self) -> str:
        """The checkpoint verified last, or "" when none is stored."""
        return _read_text(self.checkpoint_file)

    @property
    def verified_at(self) -> datetime | None:
        if not self.checkpoint_file.exists():
            return None
        return datetime.fromtimestamp(self.checkpoint_file.stat().st_mtime, UTC)

    @property
    def whole(self) -> bool:
        """Whether every event was shown before: then no hash may replace one later."""
        return self._whole_file.exists()

    @property
    def _whole_file(self) -> Path:
        return self._directory / "whole"

    def save(self, *, key: str, checkpoint: str, whole: bool) -> None:
        """Only what was verified: everything later is compared with it."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.key_file, key.strip() + "\n")
        write_private(self.checkpoint_file, checkpoint)
        if whole:
            write_private(self._whole_file, "Everything was shown.\n")


def _read_text(path: Path) -> str:
    """Bytes that are not text are replaced: the verifier then names a bad key or checkpoint."""
    return path.read_text("utf-8", "replace") if path.exists() else ""
