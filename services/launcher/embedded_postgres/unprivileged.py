"""PostgreSQL refuses to run as root: as root, it runs as another user, who must reach its files.

That user is granted the right to pass through directories (``o+x``), never to list or read them.
"""

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FALLBACK_USER = "nobody"


@dataclass(frozen=True, kw_only=True)
class UnixUser:
    uid: int
    gid: int
    name: str


def postgres_user(*directories: Path) -> UnixUser | None:
    """The first owner of ``directories`` that is not root, else FALLBACK_USER; None if not root."""
    if os.geteuid() != 0:
        return None
    for directory in directories:
        if directory.exists() and (owner := directory.stat().st_uid) != 0:
            return _user(pwd.getpwuid(owner))
    return _user(pwd.getpwnam(FALLBACK_USER))


def grant_traversal(user: UnixUser, paths: Iterable[Path]) -> list[Path]:
    """Adds ``o+x`` to those parents of ``paths`` that ``user`` cannot pass; returns them."""
    granted = []
    parents = {parent for path in paths for parent in path.resolve().parents}
    for parent in sorted(parents):
        status = parent.stat()
        if status.st_uid != user.uid and not status.st_mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            granted.append(parent)
    return granted


def _user(entry: pwd.struct_passwd) -> UnixUser:
    return UnixUser(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)
