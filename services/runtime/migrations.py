"""Migrations: numbered SQL files, applied package by package; and the database roles."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

import asyncpg
from asyncpg import Connection, Record

from services.runtime.config import Secret
from services.runtime.database import connect, in_database

# In the order of their application: the name in migrations.applied, and the package of the files.
# The name never changes, or existing databases would be migrated a second time.
PACKAGES = {
    "events": "events",
    "services.tokens": "services.tokens",
    "services.ingest": "services.journal",
    "services.loader": "services.loader",
    "services.history": "services.history",
}

OWNER = "pushgate_owner"
ROLES = (
    OWNER,
    "pushgate_tokens",
    "pushgate_ingest",
    "pushgate_loader",
    "pushgate_history",
    "pushgate_signer",
)

# More than a statement of a migration may take.
OTHER_MIGRATION_WAIT = "15min"

_FILE_NAME = re.compile(r"^(\d{4})_\w+\.sql$")

_APPLIED_TABLE = """
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
    package    text NOT NULL,
    number     int NOT NULL,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (package, number)
);
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"""


class MigrationRefused(Exception):
    """The schema cannot be migrated to this version; the message states what to do."""


class Migration(NamedTuple):
    package: str
    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All numbered files, in the order of their application."""
    return [found for package in PACKAGES for found in _migrations_of(package)]


def _migrations_of(package: str) -> list[Migration]:
    entries = {entry.name: entry for entry in files(PACKAGES[package]).joinpath("sql").iterdir()}
    return [
        Migration(package, int(match[1]), name, entries[name].read_text("utf-8"))
        for name in sorted(entries)
        if (match := _FILE_NAME.match(name))
    ]


async def migrate(database_url: str | Secret) -> list[str]:
    """Applies the missing migrations and returns their names. Idempotent; concurrent runs queue.

    Each file is one transaction. The server limits its statements to 10 min, and to 5 s of waiting
    for a lock; the driver must not give up before that. Raises MigrationRefused if a role is
    missing, an applied file was changed, the schema is newer than this code, or another migration
    does not finish.
    """
    connection = await connect(
        database_url, application_name="pushgate migrate", command_seconds_max=None
    )
    try:
        await _wait_for_other_migrations(connection)
        await _become_owner(connection)
        await connection.execute(_APPLIED_TABLE)
        await connection.execute(f"GRANT USAGE ON SCHEMA migrations TO {', '.join(ROLES[1:])}")
        await connection.execute(f"GRANT SELECT ON migrations.applied TO {', '.join(ROLES[1:])}")
        return await _apply_missing(connection)
    finally:
        await connection.close()


async def _wait_for_other_migrations(connection: Connection[Record]) -> None:
    await connection.execute(f"SET lock_timeout = '{OTHER_MIGRATION_WAIT}'")
    try:
        await connection.execute("SELECT pg_advisory_lock(3, 0)")
    except asyncpg.LockNotAvailableError:
        raise MigrationRefused(
            f"another migration has not ended within {OTHER_MIGRATION_WAIT}; "
            "wait until it ends, or end it, and run `pushgate migrate` again"
        ) from None
    await connection.execute("SET lock_timeout = '1min'")


async def _become_owner(connection: Connection[Record]) -> None:
    present = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    if missing := [role for role in ROLES if role not in present]:
        raise MigrationRefused(
            f"missing roles: {', '.join(missing)}; run `pushgate migrate --roles` first"
        )
    await connection.execute(f"SET ROLE {OWNER}")


async def _apply_missing(connection: Connection[Record]) -> list[str]:
    rows = await connection.fetch("SELECT package, number, name, sha256 FROM migrations.applied")
    applied = {(row["package"], row["number"]): row for row in rows}
    known = migrations()
    if newer := applied.keys() - {(m.package, m.number) for m in known}:
        package, number = min(newer)
        raise MigrationRefused(
            f"the schema has migration {number} of {package}, which this version does not know; "
            "run the version that applied it, or a later one"
        )
    done = []
    for migration in known:
        row = applied.get((migration.package, migration.number))
        if row is None:
            await _apply(connection, migration)
            done.append(f"{migration.package} {migration.name}")
        elif row["sha256"] != migration.sha256:
            raise MigrationRefused(
                f"{migration.package} {migration.name} was changed after it was applied; "
                "put the change into a new numbered file"
            )
    return done


async def _apply(connection: Connection[Record], migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(
            "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10min'"
        )
        await connection.execute(migration.text)
        await connection.execute(
            "INSERT INTO migrations.applied (package, number, name, sha256)"
            " VALUES ($1, $2, $3, $4)",
            migration.package,
            migration.number,
            migration.name,
            migration.sha256,
        )


async def create_roles(admin_url: str | Secret, passwords: Mapping[str, Secret]) -> None:
    """Creates missing roles and sets the passwords in ``passwords``, by role name. Idempotent.

    Also revokes the database of ``admin_url`` from PUBLIC and lets the roles connect to it. The
    user of ``admin_url`` must be allowed to create roles. Concurrent calls queue.
    """
    # An advisory lock is local to a database, but roles belong to the whole cluster.
    connection = await connect(
        in_database(admin_url, "postgres"), application_name="pushgate roles"
    )
    try:
        await connection.execute("SELECT pg_advisory_lock(3, 0)")
        present = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            if role not in present:
                await connection.execute(f"CREATE ROLE {role} LOGIN")
            if role in passwords:
                verifier = _scram_verifier(passwords[role].reveal())
                await connection.execute(f"ALTER ROLE {role} PASSWORD '{verifier}'")
        await _grant_database(admin_url)
    finally:
        await connection.close()


async def _grant_database(admin_url: str | Secret) -> None:
    connection = await connect(admin_url, application_name="pushgate roles")
    try:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;"
            f"GRANT ALL ON DATABASE {name} TO {OWNER};"
            f"GRANT CONNECT ON DATABASE {name} TO {', '.join(ROLES[1:])};"
        )
        # Lets the user who migrates SET ROLE, superuser or not (from PostgreSQL 16 on, the creator
        # of a role only has the right to grant it).
        user = await connection.fetchval("SELECT quote_ident(current_user)")
        if user != OWNER and not await connection.fetchval(
            "SELECT pg_has_role(current_user, $1, 'USAGE')", OWNER
        ):
            await connection.execute(f"GRANT {OWNER} TO {user}")
    finally:
        await connection.close()


async def grant_destination(admin_url: str | Secret) -> None:
    """Grants the database of ``admin_url`` to the loader and to no other role."""
    connection = await connect(admin_url, application_name="pushgate roles")
    try:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;"
            f"GRANT ALL ON DATABASE {name} TO pushgate_loader;"
        )
    finally:
        await connection.close()


def _scram_verifier(password: str, iterations: int = 4096) -> str:
    """What PostgreSQL stores; computed here so that no statement or server log has a password."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(b).decode() for b in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"
