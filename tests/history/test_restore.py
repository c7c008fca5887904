"""Dump and restore into a fresh cluster; docs/operations/restore.md is this, in words."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.commands import history as history_commands
from services.history.signer.files import SignerFiles
from services.history.signer.signing import LogDoesNotExtend
from services.launcher.embedded_postgres.binaries import find_program
from services.launcher.embedded_postgres.cluster import prepare_cluster
from services.launcher.embedded_postgres.server import running_server
from services.runtime.config import Secret
from services.runtime.database import connect
from services.runtime.migrations import OWNER, ROLES, create_roles
from tests.database.fixtures import ROLE_PASSWORD, as_role, with_database
from tests.database.shared_server import own_directory_of_a_run
from tests.history.appending import accept, connect_token_generated, rename, small_history
from tests.history.auditor import AUDITOR, Auditor, served, signed
from tests.history.conftest import Database


@dataclass(frozen=True, kw_only=True)
class Restored:
    """The database in its new cluster, and what the signer and the auditor remember."""

    owner_url: str
    files: SignerFiles
    auditor_directory: Path

    def role_url(self, role: str) -> str:
        return as_role(self.owner_url, role)


@pytest.fixture(scope="module")
async def other_cluster() -> AsyncGenerator[str]:
    """The superuser's URL of a cluster that never saw the old database."""
    with own_directory_of_a_run() as directory:
        cluster = await asyncio.to_thread(prepare_cluster, directory, durable=False)
        async with running_server(cluster, log_path=directory / "postgres.log"):
            yield cluster.url("postgres")


@pytest.fixture
async def empty_database(other_cluster: str) -> AsyncGenerator[str]:
    """One in it, with the roles made."""
    connection = await connect(other_cluster, application_name="test set-up")
    await connection.execute("CREATE DATABASE restored TEMPLATE template0 ENCODING 'UTF8'")
    url = with_database(other_cluster, "restored")
    await create_roles(url, {role: Secret(ROLE_PASSWORD) for role in ROLES})
    yield url
    await connection.execute("DROP DATABASE restored WITH (FORCE)")
    await connection.close()


async def run(program: str, url: str, *arguments: str) -> None:
    password = urlsplit(url).password or ""
    process = await asyncio.create_subprocess_exec(
        find_program(program),
        *arguments,
        f"--dbname={url}",
        env=dict(os.environ) | {"PGPASSWORD": password},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


@pytest.fixture
async def restored(
    database: Database, database_url: str, server_url: str, empty_database: str, tmp_path: Path
) -> Restored:
    """From a backup of 9 events; 4 more were appended, signed and seen after it was made."""
    files, auditor_directory = SignerFiles(tmp_path / "signer"), tmp_path / "auditor"
    name = database_url.rpartition("/")[2]
    async with served(as_role(database_url, "pushgate_history")) as server:
        auditor = Auditor(server, auditor_directory)
        await connect_token_generated(database, AUDITOR, role="auditor")
        await small_history(database)
        await accept(database, token_id=2, count=3)
        await auditor.post("/receipts/seal")
        await rename(database, 1)
        dump = str(tmp_path / "backup.dump")
        await run("pg_dump", with_database(server_url, name), "--format=custom", f"--file={dump}")
        await rename(database, 4)
        await signed(as_role(database_url, "pushgate_signer"), files)
        assert (await auditor.verify())["verdict"] == "verified"
    await run("pg_restore", empty_database, "--exit-on-error", dump)
    owner_url = as_role(empty_database, OWNER)
    return Restored(owner_url=owner_url, files=files, auditor_directory=auditor_directory)


async def verified_again(restored: Restored) -> str:
    async with served(restored.role_url("pushgate_history")) as server:
        found = await Auditor(server, restored.auditor_directory).verify()
    return str(found["verdict"])


async def begin_anew(restored: Restored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHGATE_DATABASE_URL", restored.owner_url)
    note = restored.files.note_path
    # Not the default: a system may have run in the checkout.
    await history_commands.begin_anew(
        argparse.Namespace(data_dir=str(note.parent), checkpoint=str(note), json=False)
    )


async def test_every_event_and_guard_survives_a_restore(
    restored: Restored, database: Database
) -> None:
    """Numbers, texts and hashes are the same, and the log is append-only as before."""
    there = await connect(restored.owner_url, application_name="test")
    query = "SELECT number, record::text, leaf_hash FROM ledger.event WHERE number < 9 ORDER BY 1"
    before, after = await database.fetch(query), await there.fetch(query)
    guards = await there.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname = 'append_only'")
    await there.close()

    assert [*map(tuple, after)] == [*map(tuple, before)]
    assert len(after) == 9
    assert guards == 4


async def test_a_restored_log_that_says_nothing_is_not_signed(restored: Restored) -> None:
    with pytest.raises(LogDoesNotExtend, match="13 were signed"):
        await signed(restored.role_url("pushgate_signer"), restored.files)


async def test_a_restored_log_goes_on_under_a_new_origin_and_verifies(
    restored: Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin_anew(restored, monkeypatch)
    await signed(restored.role_url("pushgate_signer"), restored.files)
    there = await connect(restored.owner_url, application_name="test")
    fact = await there.fetchrow("SELECT number, type, record FROM ledger.event WHERE number = 9")
    await rename(there, 2)
    size = await there.fetchval("SELECT size FROM ledger.head")
    await there.close()

    assert fact is not None
    assert (fact["type"], size) == ("LogRestored", 12)
    assert await verified_again(restored) == "verified"
    await signed(restored.role_url("pushgate_signer"), restored.files)
    assert await verified_again(restored) == "verified"


async def test_without_that_fact_the_auditor_accepts_no_shorter_log(restored: Restored) -> None:
    """A new signer with a new memory, as if the operator had thrown away what it knew."""
    there = await connect(restored.owner_url, application_name="test")
    await there.execute("UPDATE ledger.head SET origin = 'elsewhere'")
    await there.close()
    key = restored.files.key_path
    fresh = SignerFiles(restored.auditor_directory.parent / "another signer")
    key.parent.joinpath("checkpoint").unlink()
    key.parent.rename(fresh.key_path.parent)
    await signed(restored.role_url("pushgate_signer"), fresh)

    assert await verified_again(restored) == "truncated"
