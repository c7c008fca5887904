"""The copies in tests/compat/kept, laid out as they were; README.md says how they were made."""

from __future__ import annotations

import asyncio
import contextlib
import lzma
import secrets
import shutil
import tarfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from cli.temporary_installation import TemporaryInstallation, running_installation
from services.launcher.embedded_postgres.binaries import find_program
from services.runtime.config import Secret
from services.runtime.database import connect
from services.runtime.migrations import ROLES, create_roles
from tests.database.fixtures import ROLE_PASSWORD, with_database

KEPT = Path(__file__).parent / "kept"
_OF_THE_CLUSTER = ("postgres", "postgres.json")


def unpack_data_directory(into: Path, *, without: tuple[str, ...] = ()) -> None:
    """With the owners that it had, where this process may give files away."""

    def chosen(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo | None:
        return None if Path(member.name).parts[:1] in {(name,) for name in without} else member

    with tarfile.open(KEPT / "data-directory.tar.xz") as archive:
        archive.extractall(into, numeric_owner=True, filter=chosen)  # noqa: S202 - our own


def unpack_outbox(into: Path) -> None:
    shutil.copytree(KEPT / "outbox", into)


@contextlib.asynccontextmanager
async def on_the_data_directory(directory: Path) -> AsyncIterator[TemporaryInstallation]:
    """`pushgate up` on it, with the embedded cluster that is in it."""
    await asyncio.to_thread(unpack_data_directory, directory)
    async with running_installation(directory) as system:
        yield system


@contextlib.asynccontextmanager
async def on_the_databases(
    directory: Path, server_url: str
) -> AsyncIterator[TemporaryInstallation]:
    """`pushgate up` on databases of another server, with the rest of the data directory."""
    await asyncio.to_thread(unpack_data_directory, directory, without=_OF_THE_CLUSTER)
    await create_roles(
        with_database(server_url, "postgres"), {role: Secret(ROLE_PASSWORD) for role in ROLES}
    )
    passwords = {f"{role.upper()}_DATABASE_PASSWORD": ROLE_PASSWORD for role in ROLES}
    async with (
        _restored(server_url, "pushgate") as database,
        _restored(server_url, "pushgate-destination") as destination,
        running_installation(
            directory,
            *("--database-url", database, "--destination-url", destination),
            variables=passwords,
        ) as system,
    ):
        yield system


@contextlib.asynccontextmanager
async def _restored(server_url: str, dump: str) -> AsyncIterator[str]:
    """The superuser's URL of a database that was made of a kept dump."""
    name = f"pushgate_test_restored_{secrets.token_hex(6)}"
    connection = await connect(server_url, application_name="test set-up")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        url = with_database(server_url, name)
        await _run_psql(url, await asyncio.to_thread(_text_of, dump))
        yield url
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


def _text_of(dump: str) -> bytes:
    with lzma.open(KEPT / f"{dump}.sql.xz") as file:
        return file.read()


async def _run_psql(url: str, statements: bytes) -> None:
    process = await asyncio.create_subprocess_exec(
        *(find_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url),
        env={"PGPASSWORD": urlsplit(url).password or ""},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    _, errors = await process.communicate(statements)
    assert process.returncode == 0, errors.decode()
