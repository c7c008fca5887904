"""Acceptance: whatever a superuser does to the log, the audit names it; done on a copy."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from asyncpg import Connection, Record

from services.runtime.database import connect
from tests.database.fixtures import fresh_database, with_database
from tests.history.appending import accept, rename, small_history
from tests.history.auditor import Auditor
from tests.history.conftest import Client, Database, Sign


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncGenerator[str]:
    """Its guards are switched off, so nobody else can use it."""
    async with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture
async def superuser(server_url: str, database_url: str) -> AsyncGenerator[Connection[Record]]:
    """No trigger of ours fires for what it does."""
    url = with_database(server_url, database_url.rpartition("/")[2])
    connection = await connect(url, application_name="an insider")
    await connection.execute("SET session_replication_role = replica")
    for table in ("ledger.event", "ledger.checkpoint", "ledger.tile", "journal.receipts"):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield connection
    await connection.close()


@pytest.fixture
def auditor(client: Client, tmp_path: Path) -> Auditor:
    return Auditor(client.server, tmp_path)


@pytest.fixture
async def audited(client: Client, database: Database, sign: Sign, auditor: Auditor) -> None:
    """A log of eleven facts with two tokens and a seal, signed as it grew, and verified once."""
    await small_history(database)
    await sign()
    await accept(database, token_id=2, count=5)
    await client.post("/receipts/seal")
    await sign()
    await rename(database, 3)
    await sign()
    await accept(database, token_id=2, count=2)
    assert (await auditor.verify())["verdict"] == "verified"


@pytest.mark.usefixtures("audited")
async def test_the_untouched_log_verifies_again(auditor: Auditor) -> None:
    found = await auditor.verify()

    assert (found["verdict"], found["size"], found["receipts"]) == ("verified", 11, 5)


# As one would do who knows the table but has no key: the envelope is kept up to date.
TAMPERINGS = {
    "change": (
        """
        UPDATE ledger.event SET record = replace(record::text, 'shop_1', 'shop_2')::json
         WHERE number = 2
        """,
        "altered",
        0,
    ),
    "change a later one": (
        """
        UPDATE ledger.event SET record = replace(record::text, 'name 1', 'name 9')::json
         WHERE number = 9
        """,
        "altered",
        8,
    ),
    "delete": ("DELETE FROM ledger.event WHERE number = 4", "missing", 4),
    "delete and close the gap": (
        """
        DELETE FROM ledger.event WHERE number = 4;
        UPDATE ledger.event SET record = replace(record::text,
            '"sequence":"' || lpad(number::text, 20, '0'),
            '"sequence":"' || lpad((number - 1)::text, 20, '0'))::json WHERE number > 4;
        UPDATE ledger.head SET size = size - 1
        """,
        "altered",
        0,
    ),
    "reorder": (
        """
        CREATE TEMP TABLE swapped AS SELECT number, record::text FROM ledger.event
         WHERE number IN (3, 6);
        DELETE FROM ledger.event WHERE number IN (3, 6);
        INSERT INTO ledger.event (record) SELECT replace(record,
            '"sequence":"' || lpad(number::text, 20, '0'),
            '"sequence":"' || lpad((9 - number)::text, 20, '0'))::json FROM swapped
        """,
        "reordered",
        3,
    ),
    "insert": (
        """
        CREATE TEMP TABLE later AS SELECT number, record::text FROM ledger.event WHERE number >= 5;
        DELETE FROM ledger.event WHERE number >= 5;
        INSERT INTO ledger.event (record) SELECT replace(record,
            '"sequence":"' || lpad(number::text, 20, '0'),
            '"sequence":"' || lpad((number + 1)::text, 20, '0'))::json FROM later;
        INSERT INTO ledger.event (record) SELECT format(
            '{"specversion":"1.0","sequence":"00000000000000000005","time":%s,"id":"%s",'
            '"source":%s,"type":"TokenGenerated","subject":"integration/1","streamversion":99,'
            '"actor":"system","data":{"token_id":66,"token_hash":"%s","last_four":"0066"}}',
            record -> 'time', gen_random_uuid(), record -> 'source', repeat('6', 64))::json
          FROM ledger.event WHERE number = 4;
        UPDATE ledger.head SET size = size + 1
        """,
        "altered",
        0,
    ),
    "truncate the tail": (
        "DELETE FROM ledger.event WHERE number >= 9; UPDATE ledger.head SET size = 9",
        "truncated",
        9,
    ),
    "restore an older backup": (
        """
        DELETE FROM ledger.event WHERE number >= 7; UPDATE ledger.head SET size = 7;
        DELETE FROM ledger.checkpoint WHERE size > 7
        """,
        "stale",
        7,
    ),
    "swap two tokens' hashes": (
        """
        UPDATE ledger.event SET record = replace(record::text,
            encode(sha256(convert_to('token ' || number - 2, 'UTF8')), 'hex'),
            encode(sha256(convert_to('token ' || 5 - number, 'UTF8')), 'hex'))::json
         WHERE number IN (3, 4)
        """,
        "altered",
        0,
    ),
    "alter a receipt": (
        "UPDATE journal.receipts SET records = 4 WHERE number = 3",
        "altered",
        1,
    ),
    "give a receipt to another token": (
        "UPDATE journal.receipts SET token_id = 1 WHERE number = 3",
        "altered",
        1,
    ),
    "remove a receipt": ("DELETE FROM journal.receipts WHERE number = 5", "missing", 1),
    "take the seal away": ("DELETE FROM ledger.event WHERE type = 'ReceiptsSealed'", "missing", 7),
}


@pytest.mark.usefixtures("audited")
@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering_is_named(name: str, superuser: Database, auditor: Auditor) -> None:
    statements, verdict, first_bad = TAMPERINGS[name]
    await superuser.execute(statements)
    found = await auditor.verify()

    assert (found["verdict"], found["first_bad"]) == (verdict, first_bad), found["why"]
    # What was seen before is not forgotten because somebody showed something else.
    assert (await auditor.verify())["verdict"] == verdict
