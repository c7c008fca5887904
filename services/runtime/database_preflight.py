"""The checks of the database that each program makes once, before it starts its work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from asyncpg import Record

from events.log import AnyConnection
from events.sql_files import load_queries
from services.runtime.database import DatabaseUnsuitable
from services.runtime.logs import Log
from services.runtime.migrations import migrations

VERSION_MIN = 150000  # PostgreSQL 15; tests run on it and on 18

# The schemas that a role may write: its own, and those with single tables granted to it.
WRITTEN_SCHEMAS = {
    "pushgate_tokens": ("tokens",),
    "pushgate_ingest": ("journal",),
    "pushgate_loader": ("journal", "loader"),
    "pushgate_history": ("history",),
    "pushgate_signer": ("ledger", "history"),
}


async def check_server(connection: AnyConnection) -> None:
    """For every database that is written to, the destination too. Raises DatabaseUnsuitable."""
    queries = await asyncio.to_thread(load_queries, "services.runtime")
    settings = await connection.fetchrow(queries["settings"])
    assert settings is not None
    _refuse(_unsuitable_settings(settings))
    for name in ("fsync", "full_page_writes"):
        if settings[name] != "on":
            Log().warning("database.unsafe_setting", setting=name, value=settings[name])


async def check_database(connection: AnyConnection, *, role: str) -> None:
    """For the main database; ``role`` is that of the calling program. Raises DatabaseUnsuitable.

    Checks the server's settings, then that the schema has this code's version, then that the role
    has no rights that the program does not need: with them, a hole in one program would open all
    of the database.
    """
    await check_server(connection)
    if reason := await _unsuitable_schema(connection):
        raise DatabaseUnsuitable(reason)
    queries = await asyncio.to_thread(load_queries, "services.runtime")
    rights = await connection.fetch(queries["excess_rights"], list(WRITTEN_SCHEMAS[role]))
    user = await connection.fetchval("SELECT current_user")
    if rights:
        found = ", ".join(sorted(row["may"] for row in rights))
        raise DatabaseUnsuitable(
            f"the database role {user} has too many rights for this program: it {found}; "
            f"use the role {role}, which `pushgate migrate --roles` creates"
        )


def _unsuitable_settings(settings: Record) -> Iterable[str]:
    if settings["version"] < VERSION_MIN:
        yield f"the server is older than PostgreSQL {VERSION_MIN // 10000}; upgrade it"
    if settings["encoding"] != "UTF8":
        yield f"the database's encoding is {settings['encoding']}; create it with UTF8"
    if settings["synchronous_commit"] != "on":
        yield (
            f"synchronous_commit is {settings['synchronous_commit']}; "
            "set it to on, because accepted data must be durable"
        )


async def _unsuitable_schema(connection: AnyConnection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('migrations.applied')") is None:
        return "the database has no Pushgate schema; run `pushgate migrate` first"
    rows = await connection.fetch("SELECT package, number FROM migrations.applied")
    applied = {(row["package"], row["number"]) for row in rows}
    files = await asyncio.to_thread(migrations)
    known = {(migration.package, migration.number) for migration in files}
    for package, number in sorted(applied - known):
        return (
            f"the schema is newer than this program: it has migration {number} of {package}; "
            "run the version that applied it, or a later one"
        )
    for package, number in sorted(known - applied):
        return (
            f"the schema is older than this program: migration {number} of {package} is missing; "
            "run `pushgate migrate`"
        )
    return None


def _refuse(sentences: Iterable[str]) -> None:
    if found := "; ".join(sentences):
        raise DatabaseUnsuitable(found)
