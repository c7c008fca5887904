"""Acceptance: whatever a superuser does to the log, the audit names it; done on a copy."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from asyncpg import Connection, Record

from events.errors import LogHalted
from services.runtime.database import connect
from tests.database.fixtures import with_database
from tests.events.other_values import other_values
from tests.history.appending import accept, rename, small_history
from tests.history.auditor import Auditor
from tests.history.conftest import Client, Database, Sign

# All that fire for everybody, also for what a replica would do.
GUARDS = """
SELECT tgrelid::regclass::text AS name, tgname FROM pg_trigger
 WHERE tgenabled = 'A' AND tgrelid IN ('ledger.event'::regclass, 'ledger.checkpoint'::regclass,
                                       'ledger.tile'::regclass, 'journal.receipts'::regclass)
"""


@pytest.fixture
async def superuser(server_url: str, database_url: str) -> AsyncGenerator[Connection[Record]]:
    """No trigger of ours fires for what it does."""
    url = with_database(server_url, database_url.rpartition("/")[2])
    connection = await connect(url, application_name="an insider")
    await connection.execute("SET session_replication_role = replica")
    guards = await connection.fetch(GUARDS)
    for table, guard in guards:
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
    yield connection
    for table, guard in guards:
        await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard}")
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
        CREATE TEMP TABLE later AS SELECT number, record::text FROM ledger.event WHERE number > 4;
        DELETE FROM ledger.event WHERE number >= 4;
        INSERT INTO ledger.event (record) SELECT replace(record,
            '"sequence":"' || lpad(number::text, 20, '0'),
            '"sequence":"' || lpad((number - 1)::text, 20, '0'))::json FROM later;
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
    "truncate the tail and go on from there": (
        """
        DELETE FROM ledger.event WHERE number >= 9; UPDATE ledger.head SET size = 9;
        SELECT ledger.append('integration/1', NULL, 'system', format(
            '[{"id":"%s","type":"IntegrationRenamed","data":{"display_name":"other"}},'
            '{"id":"%s","type":"IntegrationRenamed","data":{"display_name":"names"}}]',
            gen_random_uuid(), gen_random_uuid())::json)
        """,
        "altered",
        8,
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
    "put a receipt in": (
        """
        INSERT INTO journal.receipts OVERRIDING SYSTEM VALUE
        SELECT 0, gen_random_uuid(), integration_id, token_id, endpoint, tables, records, bytes,
               body_sha256, received_at, log_size, peer FROM journal.receipts WHERE number = 1
        """,
        "altered",
        1,
    ),
    "put a receipt in another's place": (
        """
        CREATE TEMP TABLE two AS SELECT * FROM journal.receipts WHERE number IN (2, 3);
        DELETE FROM journal.receipts WHERE number IN (2, 3);
        INSERT INTO journal.receipts OVERRIDING SYSTEM VALUE
        SELECT 5 - number, batch_id, integration_id, token_id, endpoint, tables, records, bytes,
               body_sha256, received_at, log_size, peer FROM two
        """,
        "altered",
        1,
    ),
    "take the checkpoints away": ("DELETE FROM ledger.checkpoint", "stale", 0),
    "write something else for checkpoints": (
        "UPDATE ledger.checkpoint SET note = 'nothing'",
        "wrong_key",
        None,
    ),
    "sign for another size": (
        r"UPDATE ledger.checkpoint SET note = replace(note, E'\n11\n', E'\n10\n')",
        "wrong_key",
        None,
    ),
    "sign another root": (
        r"""
        UPDATE ledger.checkpoint SET note = regexp_replace(note, E'\n.{43}=\n',
            E'\n' || encode(sha256('another'), 'base64') || E'\n')
        """,
        "wrong_key",
        None,
    ),
    "give the log another name": ("UPDATE ledger.head SET origin = 'another'", "stale", 0),
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


@pytest.mark.usefixtures("audited")
async def test_a_number_that_was_signed_is_not_given_out_again(
    superuser: Database, database: Database
) -> None:
    """Also while no signer is there to halt the log."""
    await superuser.execute(
        "DELETE FROM ledger.event WHERE number >= 9; UPDATE ledger.head SET size = 9"
    )

    with pytest.raises(LogHalted, match="number 9 was given out and signed before"):
        await rename(database, 4)


@pytest.mark.usefixtures("audited")
async def test_no_column_of_a_sealed_receipt_can_be_changed_unseen(
    superuser: Database, auditor: Auditor
) -> None:
    await superuser.execute(
        "CREATE TEMP TABLE was AS SELECT * FROM journal.receipts WHERE number = 3"
    )
    columns = await other_values(superuser, "journal.receipts")
    for changed, other in columns.items():
        values = ", ".join(other if column == changed else column for column in columns)
        await superuser.execute(
            f"""
            DELETE FROM journal.receipts WHERE number = 3;
            INSERT INTO journal.receipts OVERRIDING SYSTEM VALUE SELECT {values} FROM was
            """
        )
        found = await auditor.verify()
        await superuser.execute(
            """
            DELETE FROM journal.receipts WHERE number IN (3, 103);
            INSERT INTO journal.receipts OVERRIDING SYSTEM VALUE SELECT * FROM was
            """
        )

        assert found["verdict"] in {"altered", "missing"}, changed
        assert found["first_bad"] == 1, changed
    assert (await auditor.verify())["verdict"] == "verified"
