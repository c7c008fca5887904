"""A program that may not use its database states the reason before it starts its work."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg
import pytest
from structlog.testing import capture_logs

from services.runtime.database import DatabaseUnsuitable, connect
from services.runtime.database_preflight import WRITTEN_SCHEMAS, check_database, check_server
from tests.database.fixtures import RoleUrl, with_database

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def complaint(url: str, role: str) -> str:
    connection = await connect(url, application_name="test")
    try:
        with pytest.raises(DatabaseUnsuitable) as raised:
            await check_database(connection, role=role)
    finally:
        await connection.close()
    return str(raised.value)


@pytest.mark.parametrize("role", sorted(WRITTEN_SCHEMAS))
async def test_a_migrated_database_suits_every_program_in_its_own_role(
    role_url: RoleUrl, role: str
) -> None:
    connection = await connect(role_url(role), application_name="test")

    await check_database(connection, role=role)
    await connection.close()


async def test_a_superuser_is_refused(server_url: str, database_url: str) -> None:
    name = database_url.rpartition("/")[2]

    said = await complaint(with_database(server_url, name), "pushgate_ingest")

    assert "is a superuser" in said
    assert "use the role pushgate_ingest" in said


async def test_the_owner_is_refused(database_url: str) -> None:
    said = await complaint(database_url, "pushgate_tokens")

    assert "may create in schema ledger" in said
    assert "may write schema journal" in said


async def test_the_role_of_another_program_is_refused(role_url: RoleUrl) -> None:
    said = await complaint(role_url("pushgate_ingest"), "pushgate_tokens")

    assert "may write schema journal" in said


async def test_one_column_too_many_is_found(role_url: RoleUrl, database: Connection) -> None:
    await database.execute("GRANT UPDATE (state) ON tokens.active_tokens TO pushgate_ingest")

    said = await complaint(role_url("pushgate_ingest"), "pushgate_ingest")

    assert "may write schema tokens" in said


async def test_rights_over_the_whole_server_are_found(server_url: str, database_url: str) -> None:
    """Roles belong to the cluster, which other tests use too: all of it is taken back."""
    name = database_url.rpartition("/")[2]
    connection = await connect(with_database(server_url, name), application_name="test")
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        "CREATE ROLE pushgate_stray CREATEROLE CREATEDB REPLICATION BYPASSRLS;"
        "GRANT pushgate_history, pg_read_all_data TO pushgate_stray;"
        "GRANT SELECT ON migrations.applied TO pushgate_stray;"
        "GRANT USAGE ON SCHEMA migrations TO pushgate_stray;"
        "SET ROLE pushgate_stray"
    )

    with pytest.raises(DatabaseUnsuitable) as raised:
        await check_database(connection, role="pushgate_ingest")
    await transaction.rollback()
    await connection.close()

    assert (
        "it has the rights of pg_read_all_data, has the rights of pushgate_history,"
        " may create databases, may create roles, may pass row security, may replicate the server;"
    ) in str(raised.value)


async def test_a_schema_newer_than_the_program_is_refused(
    role_url: RoleUrl, database: Connection
) -> None:
    await database.execute(
        "INSERT INTO migrations.applied (package, number, name, sha256)"
        " VALUES ('services.ingest', 9999, '9999_later.sql', '')"
    )

    said = await complaint(role_url("pushgate_ingest"), "pushgate_ingest")

    assert said.startswith("the schema is newer than this program: it has migration 9999")


async def test_a_schema_older_than_the_program_is_refused(
    role_url: RoleUrl, database: Connection
) -> None:
    await database.execute("DELETE FROM migrations.applied WHERE package = 'services.ingest'")

    said = await complaint(role_url("pushgate_ingest"), "pushgate_ingest")

    assert "run `pushgate migrate`" in said


async def test_a_database_never_migrated_is_refused(destination_url: str) -> None:
    said = await complaint(destination_url, "pushgate_loader")

    assert said == "the database has no Pushgate schema; run `pushgate migrate` first"


async def test_a_session_that_answers_before_the_disk_is_refused(database_url: str) -> None:
    """A pooler in between may drop the setting that we ask for."""
    connection = await asyncpg.connect(database_url, server_settings={"synchronous_commit": "off"})

    with pytest.raises(DatabaseUnsuitable, match="synchronous_commit is off"):
        await check_server(connection)
    await connection.close()


async def test_another_encoding_is_refused(server_url: str) -> None:
    admin = await connect(server_url, application_name="test")
    await admin.execute(
        "CREATE DATABASE pushgate_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    )
    connection = await connect(with_database(server_url, "pushgate_latin"), application_name="test")

    with pytest.raises(DatabaseUnsuitable, match="encoding is LATIN1"):
        await check_server(connection)
    await connection.close()
    await admin.execute("DROP DATABASE pushgate_latin")
    await admin.close()


async def test_a_server_that_may_lose_its_last_commits_is_named_in_the_log(
    database: Connection,
) -> None:
    durable = await database.fetchval("SHOW fsync") == "on"

    with capture_logs() as lines:
        await check_server(database)

    assert [line["setting"] for line in lines if line["event"] == "database.unsafe_setting"] == (
        [] if durable else ["fsync", "full_page_writes"]
    )
