"""The data directory of a server: created once, atomically."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services.launcher.embedded_postgres.binaries import MAJOR_VERSION, Binaries, find_binaries
from services.launcher.embedded_postgres.keeper import ENVIRONMENT
from services.launcher.embedded_postgres.unprivileged import (
    UnixUser,
    grant_traversal,
    postgres_user,
)
from services.runtime.private_files import read_private_json, write_private, write_private_json

SUPERUSER = "postgres"
HOST = "127.0.0.1"
INITDB_SECONDS_MAX = 120
# Below the range of ephemeral ports: an outgoing connection could take the port while PostgreSQL
# restarts, and a client could even connect to itself there.
PORTS = range(15_432, 32_000)
PORT_ATTEMPTS_MAX = 100


class ClusterUnusable(Exception):
    """The server's directory cannot be created or belongs to another version."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """``data`` has mode 0700 and belongs to ``user`` (None: the user of this process)."""

    data: Path
    port: int
    password: str = field(repr=False)
    user: UnixUser | None
    binaries: Binaries
    durable: bool

    def url(self, database: str, *, user: str = SUPERUSER, password: str | None = None) -> str:
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"


def prepare_cluster(
    directory: Path, *, durable: bool, print_notice: Callable[[str], None] = lambda _: None
) -> Cluster:
    """Create ``directory/postgres`` if needed, and choose a port: the last one if it is free.

    The superuser's password and the port are stored in ``directory/postgres.json`` (0600).
    ``print_notice`` reports each directory that PostgreSQL's user was allowed to pass through.
    """
    binaries = find_binaries()
    data = directory / "postgres"
    user = postgres_user(data, directory)
    if user is not None:
        for opened in grant_traversal(user, [data, binaries.postgres]):
            print_notice(f"PostgreSQL runs as {user.name}, who may now pass through {opened} (o+x)")
    port, password = _port_and_password(directory / "postgres.json", new=not data.exists())
    if not data.exists():
        _initialise(data, binaries, user=user, password=password, durable=durable)
    _refuse_other_version(data)
    return Cluster(
        data=data, port=port, password=password, user=user, binaries=binaries, durable=durable
    )


def _port_and_password(path: Path, *, new: bool) -> tuple[int, str]:
    """Stored before they are used, so that a crash cannot lose the password of a server."""
    kept = read_private_json(path)
    password = str(secrets.token_urlsafe(24) if new else kept["password"])
    port = _free_port(kept.get("port"))
    write_private_json(path, {"port": port, "password": password})
    return port, password


def _initialise(
    data: Path, binaries: Binaries, *, user: UnixUser | None, password: str, durable: bool
) -> None:
    """Under a temporary name first: a directory called ``postgres`` is always complete."""
    unfinished = data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user is not None:
        os.chown(unfinished, user.uid, user.gid)
    with _password_file(data.parent, password, user) as password_file:
        command = [
            *(str(binaries.initdb), f"--pgdata={unfinished}", f"--username={SUPERUSER}"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
            # The same sort order and upper case on every machine.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(() if durable else ("--no-sync",)),
        ]
        _run_as(user, command)
    unfinished.rename(data)


def _run_as(user: UnixUser | None, command: list[str]) -> None:
    done = subprocess.run(
        command,
        env=ENVIRONMENT,
        cwd="/",
        user=None if user is None else user.uid,
        group=None if user is None else user.gid,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        timeout=INITDB_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        message = f"initdb failed with exit code {done.returncode}: {done.stderr.strip()}"
        raise ClusterUnusable(message)


@contextlib.contextmanager
def _password_file(directory: Path, password: str, user: UnixUser | None) -> Iterator[Path]:
    path = directory / "postgres.password"
    write_private(path, password)
    try:
        if user is not None:
            os.chown(path, user.uid, user.gid)
        yield path
    finally:
        path.unlink()


def _refuse_other_version(data: Path) -> None:
    version = (data / "PG_VERSION").read_text().strip()
    if version != MAJOR_VERSION:
        message = (
            f"{data} was created by PostgreSQL {version}, but this is PostgreSQL {MAJOR_VERSION}"
        )
        raise ClusterUnusable(message)


def _free_port(kept: int | None) -> int:
    if kept is not None and _is_free(kept):
        return kept
    for _ in range(PORT_ATTEMPTS_MAX):
        port = secrets.choice(PORTS)
        if _is_free(port):
            return port
    message = f"no free port found between {PORTS.start} and {PORTS.stop} on {HOST}"
    raise ClusterUnusable(message)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
