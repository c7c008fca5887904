"""The signer's files: its private key, and the last checkpoint it signed.

Both are on the signer's machine and not in the database, so that write access to the log does not
give access to the signer's record of it.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.runtime.private_files import write_private


class BadKeyFile(Exception):
    """The file with the signer's key cannot be used; the message says what to do."""


class SignerFiles:
    """``key`` (PKCS#8 PEM) and ``checkpoint`` (a signed note), 0600 in a directory of 0700."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def key_path(self) -> Path:
        return self._directory / "key"

    @property
    def note_path(self) -> Path:
        return self._directory / "checkpoint"

    def private_key(self) -> Ed25519PrivateKey:
        """Generated on first use only. Raises BadKeyFile when it cannot be used."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.key_path.exists():
            if self.note_path.exists():
                raise BadKeyFile(
                    f"{self.key_path} is missing, and {self.note_path} was signed with it:"
                    " restore the file; if it is lost, see docs/operations/restore.md"
                )
            self._make_key()
        if self.key_path.stat().st_mode & 0o077:
            raise BadKeyFile(f"{self.key_path} is readable by other users; run chmod 600 on it")
        try:
            key = serialization.load_pem_private_key(self.key_path.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise BadKeyFile(
                f"{self.key_path} does not contain an unencrypted PEM key: {error}"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKeyFile(f"{self.key_path} does not contain an Ed25519 key")
        return key

    def _make_key(self) -> None:
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(self.key_path, pem.decode())
        _sync_directory(self._directory)

    def note(self) -> str | None:
        """The last signed checkpoint; None before the first."""
        try:
            return self.note_path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return None

    def save_note(self, note: str) -> None:
        """On disk when this returns: a checkpoint is saved before it is published."""
        write_private(self.note_path, note)
        _sync_directory(self._directory)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
