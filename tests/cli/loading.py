"""What tests do to the journal and the destination of the shared system, and wait for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

from asyncpg import Connection, Record

from cli.temporary_installation import TemporaryInstallation
from events.ids import new_worker_id
from services.journal.claims import loader_application_name
from services.launcher.data_directory import DataDirectory
from services.launcher.databases import as_role
from services.runtime.database import connect
from tests.cli.made import Made
from tests.eventually import eventually


async def load_one(system: TemporaryInstallation, made: Made, journal: Connection[Record]) -> str:
    """The id of a batch with one record, in table "t" by now."""
    pushed = await system.run(
        *("push", "-", "--table", "t", "--key", "id"),
        stdin='{"id": 1}\n',
        PUSHGATE_TOKEN=made.token,
    )
    assert pushed.exit_code == 0, pushed.errors
    await eventually(lambda: nothing_waits(journal, made))
    return str(
        await journal.fetchval(
            "SELECT batch_id FROM journal.receipts WHERE integration_id = $1", made.id
        )
    )


@contextlib.asynccontextmanager
async def another_loader(system: TemporaryInstallation) -> AsyncIterator[UUID]:
    """One that lives, and does nothing for the tables that it has a lease on."""
    passwords = await asyncio.to_thread(DataDirectory(system.data_dir).passwords, {})
    address = system.installation.database_url().reveal()
    url = as_role(address, "pushgate_loader", passwords["pushgate_loader"])
    holder = new_worker_id()
    connection = await connect(url, application_name=loader_application_name(holder))
    try:
        yield holder
    finally:
        await connection.close()


async def nothing_waits(journal: Connection[Record], made: Made) -> bool:
    waiting = await journal.fetchval(
        "SELECT count(*) FROM journal.pending WHERE integration_id = $1", made.id
    )
    return int(waiting) == 0


async def set_aside(journal: Connection[Record], batch_id: str) -> None:
    """As the loader leaves a batch that can never be loaded."""
    # In one: the loader must not see it before it has failed.
    async with journal.transaction():
        await list_again(journal, batch_id)
        await journal.execute(
            "UPDATE journal.pending SET attempts = 5, failed_at = now(), reason = '23514: not so'"
            " WHERE batch_id = $1",
            batch_id,
        )


async def list_again(journal: Connection[Record], batch_id: str) -> None:
    await journal.execute(
        "INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name, records,"
        " bytes, received_at) SELECT batch_id, 0, number, integration_id, tables[1], records,"
        " bytes, received_at FROM journal.receipts WHERE batch_id = $1",
        batch_id,
    )
