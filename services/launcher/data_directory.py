"""The data directory of an installation: locked by one supervisor, readable by its owner only."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.runtime.config import Secret
from services.runtime.migrations import ROLES
from services.runtime.private_files import read_private_json, write_private_json


class AlreadyUp(Exception):
    """Another `pushgate up` uses the data directory."""


@dataclass(frozen=True)
class DataDirectory:
    path: Path

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def children_file(self) -> Path:
        return self.path / "children.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def signer(self) -> Path:
        """The signer's key and state; the signer creates the directory."""
        return self.path / "signer"

    def log_path(self, program: str) -> Path:
        return self.logs / f"{program}.log"

    def passwords(self, environ: Mapping[str, str]) -> dict[str, Secret]:
        """By role: ``PUSHGATE_<PROGRAM>_DATABASE_PASSWORD``, else a stored one (0600)."""
        given = {role: text for role in ROLES if (text := environ.get(_variable(role)))}
        stored_file = self.path / "passwords.json"
        stored = read_private_json(stored_file)
        missing = [role for role in ROLES if role not in stored and role not in given]
        if missing:
            self.make()
            stored |= {role: secrets.token_urlsafe(24) for role in missing}
            write_private_json(stored_file, stored)
        return {role: Secret(given.get(role) or str(stored[role])) for role in ROLES}

    def make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(mode=0o700, exist_ok=True)


def _variable(role: str) -> str:
    return f"{role.upper()}_DATABASE_PASSWORD"


@contextlib.contextmanager
def exclusive(path: Path) -> Generator[DataDirectory]:
    """Create the directory if needed and lock it; raises AlreadyUp when it is locked already.

    The kernel releases the lock however this process ends, and children do not inherit it.
    """
    directory = DataDirectory(path.resolve())
    directory.make()
    with (directory.path / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyUp(
                f"pushgate is already up on {directory.path} (process {holder}); "
                "stop it first, or choose another --data-dir"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield directory
