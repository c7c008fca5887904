"""A journal to fill, a loader to run, and a destination to query."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from events.ids import BatchId, new_batch_id, new_worker_id
from services.journal.bodies import compress
from services.journal.claims import Claims, loader_application_name
from services.loader.catalog.catalog import Catalog
from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.scheduling.shared_state import LoadLimits
from services.loader.scheduling.worker import Worker
from services.loader.schema.identifiers import (
    FieldNaming,
    field_name,
    quote_identifier,
    quote_qualified,
)
from services.runtime.clock import SystemClock
from services.runtime.database import ConnectFunction, connect, pool
from tests.database.fixtures import as_role
from tests.eventually import eventually

Connection = asyncpg.Connection
JSON = "application/json"

INTEGRATION = 12
SCHEMA = "import_api"


def catalog_of(destination: Connection) -> Catalog:
    return Catalog(DestinationConnection(destination, ParseThrottle()))


class Gate:
    """Writes what ingest writes, and runs a real loader on it until nothing waits."""

    def __init__(self, journal: Connection, destination: Connection, urls: tuple[str, str]) -> None:
        self.journal = journal
        self.destination = destination
        self.database_url, self.destination_url = urls
        self._received = datetime(2026, 11, 23, 12, tzinfo=UTC)

    async def add_integration(self, integration_id: int, schema: str) -> None:
        await self.journal.execute(
            "INSERT INTO tokens.integrations VALUES"
            " ($1, 7, $2, $2, 'active', NULL, now(), now(), NULL, 1, 1)",
            integration_id,
            schema,
        )

    async def push(
        self,
        table: str,
        keys: list[str],
        *records: dict[str, Any],
        sequence: int = 1,
        version: int | None = None,
        integration_id: int = INTEGRATION,
    ) -> BatchId:
        """One request to `/v2/import/push`; all records with one sequence."""
        messages = [
            {
                "client_id": 7,
                "table_name": table,
                "sequence": sequence,
                "action": "upsert",
                "key_names": keys,
                "data": record,
            }
            | ({} if version is None else {"table_version": version})
            for record in records
        ]
        return await self.push_messages(messages, integration_id=integration_id)

    async def push_messages(
        self, messages: list[dict[str, Any]], *, integration_id: int = INTEGRATION
    ) -> BatchId:
        tables: dict[str, int] = {}
        for message in messages:
            name = message["table_name"].replace("\0", "")
            tables[name] = tables.get(name, 0) + 1
        return await self.write("push", orjson.dumps(messages), tables, integration_id)

    async def batch(
        self,
        table: str,
        keys: list[str] | None,
        properties: dict[str, Any],
        *records: dict[str, Any],
        sequence: int = 1,
        version: int | None = None,
        messages: list[dict[str, Any]] | None = None,
    ) -> BatchId:
        """One request to `/v2/import/batch`; ``messages`` in place of records as they are."""
        body: dict[str, Any] = {
            "table_name": table,
            "schema": {"type": "object", "properties": properties},
            "messages": messages
            or [{"action": "upsert", "sequence": sequence, "data": record} for record in records],
        }
        if keys is not None:
            body["key_names"] = keys
        if version is not None:
            body["table_version"] = version
        count = len(body["messages"])
        return await self.write("batch", orjson.dumps(body), {table: count}, INTEGRATION)

    async def write(
        self,
        endpoint: str,
        body: bytes,
        tables: dict[str, int],
        integration_id: int = INTEGRATION,
        *,
        media_type: str = JSON,
    ) -> BatchId:
        self._received += timedelta(seconds=1)
        batch_id = new_batch_id(int(self._received.timestamp() * 1000))
        async with self.journal.transaction():
            number = await self.journal.fetchval(
                "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint,"
                " tables, records, bytes, body_sha256, received_at, log_size)"
                " VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, 1) RETURNING number",
                batch_id,
                integration_id,
                endpoint,
                list(tables),
                sum(tables.values()),
                len(body),
                hashlib.sha256(body).digest(),
                self._received,
            )
            await self.journal.execute(
                "INSERT INTO journal.bodies VALUES ($1, $2, $3, $4)",
                batch_id,
                self._received,
                media_type,
                compress(body),
            )
            await self.list_again(batch_id, number, tables, len(body), integration_id)
        return batch_id

    async def delete_markers_and_list_again(self, batch_id: UUID, tables: dict[str, int]) -> None:
        """As after restoring an old copy of the journal: listed again, without a loaded marker."""
        row = await self.journal.fetchrow(
            "SELECT number, bytes, integration_id FROM journal.receipts WHERE batch_id = $1",
            batch_id,
        )
        assert row is not None
        await self.destination.execute("DELETE FROM _pushgate.loaded")
        await self.list_again(batch_id, row["number"], tables, row["bytes"], row["integration_id"])

    async def list_again(
        self,
        batch_id: UUID,
        number: int,
        tables: dict[str, int],
        size: int,
        integration_id: int = INTEGRATION,
    ) -> None:
        await self.journal.executemany(
            "INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name,"
            " records, bytes, received_at) SELECT $1, $2, $3, $4, $5, $6, $7, received_at"
            " FROM journal.receipts WHERE batch_id = $1",
            [
                (batch_id, place, number, integration_id, name, count, size)
                for place, (name, count) in enumerate(tables.items())
            ],
        )

    # --- loading ---

    @asynccontextmanager
    async def loader(
        self,
        *,
        slots: int = 1,
        lease_seconds: float = 5.0,
        connect_to: ConnectFunction | None = None,
        field_name: FieldNaming = field_name,
    ) -> AsyncIterator[asyncio.Task[None]]:
        ending = asyncio.Event()
        url = as_role(self.database_url, "pushgate_loader")
        holder = new_worker_id()
        async with pool(
            url, application_name=loader_application_name(holder), connections_max=4
        ) as journal:
            worker = Worker(
                journal,
                Claims(journal, holder),
                connect_to or self.connect,
                clock=SystemClock(),
                limits=LoadLimits(lease_seconds=lease_seconds),
                slots=slots,
                field_name=field_name,
            )
            task = asyncio.create_task(worker.run(ending))
            try:
                yield task
            finally:
                ending.set()
                await task

    async def load(self, *, seconds: float = 10.0, slots: int = 1) -> None:
        """Runs a loader until nothing is pending; no batch may fail."""
        async with self.loader(slots=slots) as task:
            await eventually(lambda: self.done(task), seconds=seconds)
        assert await self.failure_reasons() == []

    async def load_if(self, now: bool) -> None:  # noqa: FBT001 - reads as a sentence
        if now:
            await self.load()

    async def failure_reasons(self) -> list[str]:
        """Of the failed batches, in order."""
        found = await self.journal.fetch(
            "SELECT reason FROM journal.pending WHERE failed_at IS NOT NULL ORDER BY number"
        )
        return [row[0] for row in found]

    async def connect(self) -> Connection:
        return await connect(self.destination_url, application_name="test loader")

    async def done(self, *loaders: asyncio.Task[None]) -> bool:
        for task in loaders:
            assert not task.done(), task
        return await self.nothing_is_pending()

    async def nothing_is_pending(self) -> bool:
        waiting: int = await self.journal.fetchval(
            "SELECT count(*) FROM journal.pending WHERE failed_at IS NULL"
        )
        return not waiting

    async def loads(self) -> int:
        count: int = await self.journal.fetchval("SELECT count(*) FROM loader.loads")
        return count

    async def loads_beyond(self, before: int) -> bool:
        """Or all is loaded: then nothing more can be waited for."""
        return await self.loads() > before or await self.nothing_is_pending()

    async def loaded(self, table: str) -> bool:
        waiting: int = await self.journal.fetchval(
            "SELECT count(*) FROM journal.pending WHERE table_name = $1", table
        )
        return not waiting

    async def tried(self, table: str) -> bool:
        attempts: int = await self.journal.fetchval(
            "SELECT min(attempts) FROM journal.pending WHERE table_name = $1", table
        )
        return attempts > 0

    async def is_postponed(self, table: str) -> bool:
        """Whether the table's load gave up waiting for a lock: its lease is a short one then."""
        seconds: float | None = await self.journal.fetchval(
            "SELECT extract(epoch FROM until - now())::double precision FROM journal.leases"
            " WHERE table_hash = hashtextextended($1, 0)",
            table,
        )
        return seconds is not None and seconds < 1.0

    async def a_load_waits_for_a_lock(self) -> bool:
        """Whether a load stands before a lock at the destination."""
        waits: bool = await self.destination.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE d.datname = current_database() AND NOT l.granted)"
        )
        return waits

    async def retry_reason(self, table: str) -> str:
        reason: str | None = await self.journal.fetchval(
            "SELECT put_back_reason FROM loader.tables WHERE table_name = $1", table
        )
        return reason or ""

    async def lease_to(self, table: str, holder: UUID, *, seconds: float) -> datetime:
        """Until when."""
        until: datetime = await self.journal.fetchval(
            "INSERT INTO journal.leases VALUES ($1, hashtextextended($2, 0), $3,"
            " clock_timestamp() + make_interval(secs => $4)) RETURNING until",
            INTEGRATION,
            table,
            holder,
            seconds,
        )
        return until

    @asynccontextmanager
    async def connected_as(self, application_name: str) -> AsyncIterator[None]:
        url = as_role(self.database_url, "pushgate_loader")
        async with pool(url, application_name=application_name, connections_max=1):
            yield

    # --- looking ---

    async def rows(
        self, table: str, *columns: str, schema: str = SCHEMA, order: str = "1"
    ) -> list[tuple[Any, ...]]:
        """Without system columns unless they are named."""
        chosen = list(columns) or [
            name
            for name, _ in await self.columns(table, schema=schema)
            if not name.startswith("_sdc_")
        ]
        quoted = ", ".join(
            name if "(" in name or "::" in name else quote_identifier(name) for name in chosen
        )
        found = await self.destination.fetch(
            f"SELECT {quoted} FROM {quote_qualified(schema, table)} ORDER BY {order}"
        )
        return [tuple(row) for row in found]

    async def columns(self, table: str, *, schema: str = SCHEMA) -> list[tuple[str, str]]:
        """Names and types in the table's order."""
        found = await self.destination.fetch(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position",
            schema,
            table,
        )
        return [tuple(row) for row in found]

    async def tables(self, *, schema: str = SCHEMA) -> set[str]:
        found = await self.destination.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = $1", schema
        )
        return {row[0] for row in found}

    async def primary_key(self, table: str, *, schema: str = SCHEMA) -> str | None:
        definition: str | None = await self.destination.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'p' AND conrelid = to_regclass($1)",
            quote_qualified(schema, table),
        )
        return definition

    async def rejected(self, *, schema: str = SCHEMA) -> list[tuple[str, str, str]]:
        """Table, reason and record of each."""
        found = await self.destination.fetch(
            f"SELECT table_name, reason, record FROM {schema}._sdc_rejected ORDER BY 1, 2, 3"
        )
        return [tuple(row) for row in found]

    async def staging_schemas(self) -> list[str]:
        found = await self.destination.fetch(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE '\\_pushgate staged%'"
        )
        return [row[0] for row in found]

    async def reasons(self) -> list[str]:
        return [reason for _, reason, _ in await self.rejected()]
