"""What each database role can NOT do: everything that is not written down here as its work.

A new grant on ledger, tokens or journal is a decision: write it into MAY, with its reason in the
migration. The destination is the loader's alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

import asyncpg
import pytest
from asyncpg import Connection, Record

from services.runtime.database import connect
from services.runtime.migrations import OWNER, ROLES
from tests.database.fixtures import ROLE_PASSWORD, RoleUrl, as_role, with_database

SCHEMAS = ("ledger", "tokens", "journal")
READ = frozenset({"SELECT"})
ADD = frozenset({"SELECT", "INSERT"})
ALL = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})

EVIDENCE = ("ledger.event", "ledger.head", "ledger.halt", "ledger.tile", "ledger.checkpoint")
PROJECTIONS = (
    "tokens.accounts",
    "tokens.active_tokens",
    "tokens.connect_tokens",
    "tokens.integrations",
    "tokens.members",
    "tokens.retired_tokens",
    "tokens.schema_names",
)
OF_PEOPLE = (
    "tokens.people",
    "tokens.one_time_links",
    "tokens.sessions",
    "tokens.used_forms",
    "tokens.sign_in_failures",
)
OF_INGEST = ("journal.receipts", "journal.token_use", "journal.refusals")

# Rights on whole tables. No role may TRUNCATE anything.
MAY: dict[str, dict[str, frozenset[str]]] = {
    "pushgate_tokens": {
        **dict.fromkeys((*EVIDENCE, *PROJECTIONS, *OF_INGEST), READ),
        "tokens.account_names": ALL,
        "tokens.token_labels": ALL,
        **dict.fromkeys(OF_PEOPLE, ALL),
    },
    "pushgate_ingest": {
        **dict.fromkeys(("tokens.active_tokens", "tokens.retired_tokens"), READ),
        **dict.fromkeys(("journal.receipts", "journal.bodies", "journal.pending"), ADD),
        "journal.token_use": frozenset({"SELECT", "INSERT", "UPDATE"}),
        **dict.fromkeys(("journal.refusals", "journal.repeats"), ALL),
    },
    "pushgate_loader": {
        **dict.fromkeys(("tokens.integrations", "journal.receipts", "journal.bodies"), READ),
        "journal.pending": frozenset({"SELECT", "UPDATE", "DELETE"}),
        "journal.leases": ALL,
    },
    "pushgate_history": {
        **dict.fromkeys((*EVIDENCE, *PROJECTIONS, *OF_INGEST), READ),
    },
    "pushgate_signer": {
        "ledger.head": READ,
        **dict.fromkeys(("ledger.tile", "ledger.checkpoint", "ledger.halt"), ADD),
    },
}
# Rights on single columns, where the table as a whole stays closed.
MAY_READ_COLUMNS = {
    ("pushgate_signer", "ledger.event"): {"number", "leaf_hash"},
    ("pushgate_ingest", "ledger.head"): {"size"},
    # What became of a batch, and not what is in it.
    ("pushgate_history", "journal.pending"): {"batch_id", "place", "failed_at", "reason"},
    ("pushgate_tokens", "journal.pending"): {"batch_id", "place", "failed_at", "reason"},
}
FOLDS = {f"{table}_as_of(bigint)" for table in [*PROJECTIONS, "tokens.standing"]}
MAY_CALL: dict[str, set[str]] = {
    "pushgate_tokens": {
        "ledger.append(text,integer,text,json)",
        "journal.retry(uuid[])",
        (
            "tokens.facts_of_account(integer,bigint,text,text,text,timestamp with time zone,"
            "timestamp with time zone)"
        ),
        *FOLDS,
    },
    "pushgate_ingest": {
        "journal.make_partitions(date,integer)",
        "journal.drop_partition(date)",
        (
            "journal.commit_group(bytea[],integer[],integer[],integer[],text[],uuid[],integer[],"
            "integer[],text[],text[],text[],integer[],bigint[],bytea[],timestamp with time zone,"
            "text[],text[],text[],bytea[])"
        ),
        (
            "journal.commit_group_once(bytea[],integer[],integer[],integer[],text[],uuid[],"
            "integer[],integer[],text[],text[],text[],integer[],bigint[],bytea[],"
            "timestamp with time zone,text[],text[],text[],bytea[],bytea[],integer[])"
        ),
    },
    "pushgate_loader": set(),
    "pushgate_history": {"ledger.seal(bigint,bigint,bigint,text)", *FOLDS},
    "pushgate_signer": {"ledger.restorations()"},
}
SERVICES = tuple(role for role in ROLES if role != OWNER)

TABLES = """
SELECT c.oid::regclass::text AS name, (
           SELECT quote_ident(attname) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND attnum > 0 AND attgenerated = '' AND attidentity = ''
            ORDER BY attnum LIMIT 1) AS some_column
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
"""
COLUMN_RIGHTS = """
SELECT c.oid::regclass::text AS name, array_agg(attname::text) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p')
   AND NOT has_table_privilege(c.oid, 'SELECT')
   AND has_column_privilege(c.oid, a.attnum, 'SELECT')
 GROUP BY c.oid
"""
FUNCTION_RIGHTS = """
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = ANY ($1) AND has_function_privilege(p.oid, 'EXECUTE')
   AND has_schema_privilege(n.oid, 'USAGE')
"""
VERBS = {
    "SELECT": "SELECT * FROM {table}",
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = DEFAULT",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table}",
}

# What nobody but the owner, or nobody at all, may try.
FOR_NOBODY = [
    "ALTER TABLE ledger.event DISABLE TRIGGER append_only",
    "ALTER TABLE ledger.event DISABLE TRIGGER ALL",
    "ALTER TABLE ledger.event ADD COLUMN mine text",
    "DROP TRIGGER project ON ledger.event",
    "DROP TABLE ledger.event",
    "DROP SCHEMA tokens CASCADE",
    "CREATE INDEX mine ON ledger.event (stream)",
    "CREATE RULE mine AS ON INSERT TO ledger.event DO INSTEAD NOTHING",
    "CREATE TABLE ledger.mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE OR REPLACE FUNCTION tokens.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION ledger.append(text, int, text, json) SECURITY INVOKER",
    "ALTER FUNCTION ledger.refuse() OWNER TO CURRENT_USER",
    "SELECT ledger.begin_anew('x', 1, repeat('0', 64))",
    "SELECT setval('tokens.token_ids', 1)",
    "DO 'BEGIN LOCK TABLE ledger.head IN ACCESS EXCLUSIVE MODE; END'",
    "DO 'BEGIN LOCK TABLE tokens.active_tokens IN ACCESS EXCLUSIVE MODE; END'",
    "SELECT FROM tokens.active_tokens FOR UPDATE",
    "SET ROLE pushgate_owner",
    "SET SESSION AUTHORIZATION pushgate_owner",
    "SET session_replication_role = replica",
    "GRANT pushgate_owner TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
    "DELETE FROM migrations.applied",
]


@pytest.fixture(params=SERVICES)
async def role(
    request: pytest.FixtureRequest, role_url: RoleUrl
) -> AsyncGenerator[tuple[str, Connection[Record]]]:
    connection = await connect(role_url(request.param), application_name="test role")
    yield request.param, connection
    await connection.close()


async def test_a_role_can_do_its_work_and_nothing_else(
    role: tuple[str, Connection[Record]], database: Connection[Record]
) -> None:
    """Every verb on every table, tried for real unless it is the role's work."""
    name, connection = role
    tables = await database.fetch(TABLES, SCHEMAS)
    assert len(tables) > 15

    for table in tables:
        allowed = MAY[name].get(table["name"], frozenset())
        for verb, statement in VERBS.items():
            may = await database.fetchval(
                "SELECT has_table_privilege($1, $2, $3)", name, table["name"], verb
            )
            assert may == (verb in allowed), f"{name}: {verb} on {table['name']}"
            if verb not in allowed:
                tried = statement.format(table=table["name"], column=table["some_column"])
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(tried)


async def test_a_role_sees_no_other_columns(role: tuple[str, Connection[Record]]) -> None:
    name, connection = role

    rows = await connection.fetch(COLUMN_RIGHTS, SCHEMAS)

    found = {(name, row["name"]): set(row["columns"]) for row in rows}
    assert found == {key: columns for key, columns in MAY_READ_COLUMNS.items() if key[0] == name}


async def test_a_role_calls_its_functions_and_no_others(
    role: tuple[str, Connection[Record]],
) -> None:
    name, connection = role

    rows = await connection.fetch(FUNCTION_RIGHTS, SCHEMAS)

    assert {row[0] for row in rows} == MAY_CALL[name]


async def test_a_service_role_cannot_be_used_to_become_more(
    role: tuple[str, Connection[Record]],
) -> None:
    _, connection = role

    refused = [statement for statement in FOR_NOBODY if await is_refused(connection, statement)]

    assert refused == FOR_NOBODY


async def is_refused(connection: Connection[Record], statement: str) -> bool:
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def test_only_the_token_service_appends(role: tuple[str, Connection[Record]]) -> None:
    name, connection = role
    refused = asyncpg.InsufficientPrivilegeError
    empty_append = asyncpg.InvalidParameterValueError

    with pytest.raises(empty_append if name == "pushgate_tokens" else refused):
        await connection.execute("SELECT ledger.append('account/1', 0, 'system', '[]')")


SEAL = '{"first": 1, "last": 1000000, "count": 1, "root": "' + "0" * 64 + '"}'
RESTORE = '{"old_origin": "pushgate/x", "old_size": 9, "old_root": "' + "0" * 64 + '"}'


@pytest.mark.parametrize(
    ("stream", "kind", "data"),
    [
        ("receipts", "ReceiptsSealed", SEAL),
        ("log", "LogRestored", RESTORE),
        ("account/1", "ReceiptsSealed", SEAL),
        ("account/1", "LogRestored", RESTORE),
        ("receipts", "Sealed", "{}"),
        ("log", "Restored", "{}"),
    ],
)
async def test_the_token_service_cannot_make_up_evidence(
    stream: str, kind: str, data: str, role_url: RoleUrl, database: Connection[Record]
) -> None:
    """A seal of its own would break the chain of seals; a restore would excuse a shorter log."""
    events = f'[{{"id": "{UUID(int=7)}", "type": "{kind}", "data": {data}}}]'
    connection = await connect(role_url("pushgate_tokens"), application_name="test")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="may not state"):
            await connection.execute(
                "SELECT ledger.append($1, 0, 'system', $2::json)", stream, events
            )
    finally:
        await connection.close()

    assert await database.fetchval("SELECT size FROM ledger.head") == 0


@pytest.mark.parametrize("name", SERVICES)
async def test_only_the_token_service_allots_ids(name: str, database: Connection[Record]) -> None:
    may = await database.fetchval(
        "SELECT has_sequence_privilege($1, 'tokens.token_ids', 'USAGE')", name
    )

    assert may == (name == "pushgate_tokens")


@pytest.mark.parametrize("name", [role for role in ROLES if role != "pushgate_loader"])
async def test_the_destination_is_closed_to_all_but_the_loader(
    name: str, destination_url: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connect(as_role(destination_url, name), application_name="test role")


async def test_the_database_is_closed_to_strangers(server_url: str, database_url: str) -> None:
    admin = await connect(server_url, application_name="test set-up")
    await admin.execute(f"CREATE ROLE pushgate_test_stranger LOGIN PASSWORD '{ROLE_PASSWORD}'")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connect(
                as_role(database_url, "pushgate_test_stranger"), application_name="test role"
            )
    finally:
        await admin.execute("DROP ROLE pushgate_test_stranger")
        await admin.close()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table} CASCADE"],
)
@pytest.mark.parametrize(
    ("table", "column"),
    [("ledger.event", "record"), ("ledger.tile", "root"), ("ledger.checkpoint", "note")],
)
async def test_evidence_is_append_only_even_for_a_superuser_in_replica_mode(
    table: str, column: str, statement: str, server_url: str, database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    admin = await connect(with_database(server_url, name), application_name="test role")
    await admin.execute("SET session_replication_role = replica")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await admin.execute(statement.format(table=table, column=column))

    await admin.close()


async def test_everything_belongs_to_the_owner(database: Connection[Record]) -> None:
    strangers = await database.fetch(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1)"
        " AND pg_get_userbyid(c.relowner) <> $2",
        SCHEMAS,
        OWNER,
    )

    assert strangers == []
