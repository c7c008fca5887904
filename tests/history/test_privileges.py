"""Who may do what to the evidence: each role tries, and the database answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from services.runtime.database import connect
from tests.database.fixtures import RoleUrl, with_database
from tests.history.appending import accept, connect_token_generated, small_history
from tests.history.conftest import Database

TOKENS, INGEST, LOADER = "pushgate_tokens", "pushgate_ingest", "pushgate_loader"
HISTORY, SIGNER, OWNER = "pushgate_history", "pushgate_signer", "pushgate_owner"
SERVICES = (TOKENS, INGEST, LOADER, HISTORY, SIGNER)

TABLES = ("ledger.event", "ledger.checkpoint", "ledger.tile", "journal.receipts")
ROW = {
    "ledger.event": "(record) SELECT record FROM ledger.event LIMIT 1",
    "ledger.checkpoint": "VALUES ('pushgate/x', 1, sha256('a'), 'note', 'key')",
    "ledger.tile": "VALUES (0, 7, sha256('a'))",
    "journal.receipts": (
        "(batch_id, integration_id, token_id, endpoint, tables, records, bytes, body_sha256,"
        " received_at, log_size) VALUES (gen_random_uuid(), 1, 1, 'push', '{a}', 1, 1, sha256('a'),"
        " now(), 1)"
    ),
}
APPEND = (
    "SELECT * FROM ledger.append('integration/1', NULL, 'system',"
    """ '[{"id":"8d0f3d8e-55c1-5b0e-9a51-6f3a6a5c7a10","type":"IntegrationDeleted","data":{}}]')"""
)
SEAL = "SELECT ledger.seal(1, 3, 3, repeat('a', 64))"
RECEIPT_TEXT = "SELECT history.receipt_text(r) FROM journal.receipts r"
# What makes, guards and serves evidence.
FUNCTIONS = (
    "ledger.append(text, int, text, json)",
    "ledger.seal(bigint, bigint, bigint, text)",
    "ledger.begin_anew(text, bigint, text)",
    "ledger.restorations()",
    "ledger.refuse()",
    "history.receipt_text(journal.receipts)",
)
BEGIN_ANEW = "SELECT ledger.begin_anew('pushgate/x', 1, repeat('a', 64))"

# What each may do; everything else below is refused.
ALLOWED = {
    (APPEND, TOKENS),
    (SEAL, HISTORY),
    ("SELECT number, leaf_hash FROM ledger.event", SIGNER),
    (RECEIPT_TEXT, HISTORY),
    ("SELECT record FROM ledger.event", TOKENS),
    ("SELECT number, leaf_hash FROM ledger.event", TOKENS),
    ("SELECT record FROM ledger.event", HISTORY),
    ("SELECT number, leaf_hash FROM ledger.event", HISTORY),
    ("SELECT size FROM ledger.head", TOKENS),
    ("SELECT size FROM ledger.head", INGEST),
    ("SELECT size FROM ledger.head", HISTORY),
    ("SELECT size FROM ledger.head", SIGNER),
    ("SELECT * FROM ledger.checkpoint", TOKENS),
    ("SELECT * FROM ledger.checkpoint", HISTORY),
    ("SELECT * FROM ledger.checkpoint", SIGNER),
    ("SELECT * FROM ledger.restorations()", SIGNER),
    ("SELECT * FROM journal.receipts", TOKENS),
    ("SELECT * FROM journal.receipts", INGEST),
    ("SELECT * FROM journal.receipts", LOADER),
    ("SELECT * FROM journal.receipts", HISTORY),
    (f"INSERT INTO ledger.checkpoint {ROW['ledger.checkpoint']}", SIGNER),
    (f"INSERT INTO ledger.tile {ROW['ledger.tile']}", SIGNER),
    (f"INSERT INTO journal.receipts {ROW['journal.receipts']}", INGEST),
    ("INSERT INTO ledger.halt VALUES ('x', 'because')", SIGNER),
}
TRIED = [
    APPEND,
    SEAL,
    BEGIN_ANEW,
    RECEIPT_TEXT,
    "SELECT * FROM ledger.restorations()",
    "SELECT record FROM ledger.event",
    "SELECT number, leaf_hash FROM ledger.event",
    "SELECT size FROM ledger.head",
    "SELECT * FROM ledger.checkpoint",
    "SELECT * FROM journal.receipts",
    "UPDATE ledger.head SET size = 0",
    "DELETE FROM ledger.head",
    "INSERT INTO ledger.halt VALUES ('x', 'because')",
    "DELETE FROM ledger.halt",
    "INSERT INTO tokens.active_tokens SELECT * FROM tokens.active_tokens_as_of(0)",
    "DELETE FROM tokens.active_tokens",
    "UPDATE tokens.connect_tokens SET role = 'owner'",
    f"SET ROLE {OWNER}",
    "SET session_replication_role = replica",
    "CREATE TABLE ledger.mine (a int)",
    f"SET SESSION AUTHORIZATION {OWNER}",
    *[f"ALTER FUNCTION {function} OWNER TO current_user" for function in FUNCTIONS],
    *[f"ALTER FUNCTION {function} SECURITY INVOKER" for function in FUNCTIONS],
    *[f"DROP FUNCTION {function} CASCADE" for function in FUNCTIONS],
    "CREATE OR REPLACE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE sql AS ''",
    (
        "CREATE OR REPLACE FUNCTION history.receipt_text(journal.receipts) RETURNS text"
        " LANGUAGE sql AS $$SELECT 'mine'$$"
    ),
    "ALTER TABLE journal.receipts ALTER number RESTART",
    "ALTER TABLE ledger.event ALTER leaf_hash DROP EXPRESSION",
    *[f"INSERT INTO {table} {ROW[table]}" for table in TABLES],
    *[f"DELETE FROM {table}" for table in TABLES],
    *[f"TRUNCATE {table}" for table in TABLES],
    *[f"ALTER TABLE {table} DISABLE TRIGGER append_only" for table in TABLES],
    *[f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in TABLES],
    *[f"DROP TRIGGER append_only ON {table}" for table in TABLES],
    *[f"ALTER TABLE {table} OWNER TO current_user" for table in TABLES],
    *[f"DROP TABLE {table}" for table in TABLES],
    "UPDATE ledger.event SET record = record",
    "UPDATE ledger.checkpoint SET note = ''",
    "UPDATE ledger.tile SET root = root",
    "UPDATE journal.receipts SET records = 1",
]


@pytest.fixture
async def with_evidence(database: Database) -> None:
    await connect_token_generated(database, "ac_somebody", role="owner")
    await small_history(database)
    await accept(database, token_id=2, count=3)


async def _may(connection: Database, statement: str) -> bool:
    """And leaves no trace of it."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidObjectDefinitionError):
        return False
    else:
        return True
    finally:
        await transaction.rollback()


@pytest.mark.usefixtures("with_evidence")
@pytest.mark.parametrize("role", SERVICES)
async def test_a_service_may_do_this_and_nothing_else(role: str, role_url: RoleUrl) -> None:
    connection = await connect(role_url(role), application_name="test")
    may = {statement for statement in TRIED if await _may(connection, statement)}
    await connection.close()

    assert may == {statement for statement, allowed in ALLOWED if allowed == role}


GUARDED = [
    *[f"DELETE FROM {table}" for table in TABLES],
    *[f"TRUNCATE {table}" for table in TABLES],
    "UPDATE ledger.event SET record = record",
    "UPDATE ledger.checkpoint SET note = ''",
    "UPDATE ledger.tile SET root = root",
    "UPDATE journal.receipts SET records = 1",
]


@pytest.mark.usefixtures("with_evidence")
@pytest.mark.parametrize("statement", GUARDED)
async def test_not_even_the_owner_rewrites_evidence(statement: str, database: Database) -> None:
    assert not await _may(database, statement)


@pytest.fixture
async def superuser(server_url: str, database_url: str) -> AsyncGenerator[Database]:
    url = with_database(server_url, database_url.rpartition("/")[2])
    connection = await connect(url, application_name="test")
    yield connection
    await connection.close()


@pytest.mark.usefixtures("with_evidence")
@pytest.mark.parametrize("statement", GUARDED)
async def test_not_even_a_superuser_does_as_a_replica(statement: str, superuser: Database) -> None:
    """They can switch the triggers off; that is what the signatures are for."""
    await superuser.execute("SET session_replication_role = replica")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await superuser.execute(statement)


async def test_every_function_of_ours_belongs_to_the_owner(database: Database) -> None:
    others = await database.fetch(
        """
        SELECT p.oid::regprocedure::text, r.rolname FROM pg_proc p
          JOIN pg_namespace n ON n.oid = p.pronamespace
          JOIN pg_roles r ON r.oid = p.proowner
         WHERE n.nspname IN ('ledger', 'tokens', 'journal', 'loader', 'history')
           AND r.rolname <> 'pushgate_owner'
        """
    )

    assert others == []


async def test_functions_with_the_owners_rights_pin_their_search_path(database: Database) -> None:
    """Else a caller could slip in a table or an operator of its own."""
    unpinned = await database.fetch(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p
          JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname IN ('ledger', 'tokens', 'journal', 'loader', 'history') AND p.prosecdef
           AND NOT coalesce(p.proconfig::text, '') LIKE '%search_path=pg_catalog, pg_temp%'
        """
    )

    assert unpinned == []


async def test_nobody_else_may_call_what_has_the_owners_rights(database: Database) -> None:
    public = await database.fetch(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p
          JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname IN ('ledger', 'tokens', 'journal', 'loader', 'history')
           AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                        WHERE a.grantee = 0)
        """
    )

    assert public == []
