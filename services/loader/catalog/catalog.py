"""The state of the destination's tables, and the loader's own records about them.

Those records are the schema ``_pushgate`` of the destination, so that one transaction covers them
and the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from asyncpg import Record

from events.sql_files import load_queries
from services.journal.batches import BatchKey, batch_key_columns
from services.loader.catalog.connection import DestinationConnection
from services.loader.schema import identifiers
from services.loader.schema.column_types import kind_of_pg_type
from services.loader.schema.plan import ExistingColumn, ExistingTable, TablePlan

# relkind of relations that take rows: ordinary and partitioned tables.
_TABLE_KINDS = ("r", "p")

_SCRIPTS = ("0001_catalog.sql", "0002_counts.sql")


@cache
def catalog_sql() -> str:
    """Read once, at start-up, in the caller's thread."""
    directory = files("services.loader.catalog").joinpath("sql")
    return "".join([directory.joinpath(name).read_text("utf-8") for name in _SCRIPTS])


class LoadCounts(NamedTuple):
    """What a load wrote, sub-tables included, and what it rejected."""

    rows: int
    rejected: int


@dataclass(slots=True)
class TableState:
    """A root table, its sub-tables, and what else has the names that a load needs.

    ``other_relations`` are names of relations that are not tables (an index, a view).
    """

    tables: dict[str, ExistingTable] = field(default_factory=dict)
    other_relations: set[str] = field(default_factory=set)
    # The root under which each table is registered.
    root_of: dict[str, str] = field(default_factory=dict)

    def is_name_taken(self, name: str, *, root: str) -> bool:
        """By a relation that is not a table, or by a table of another root (OP-43)."""
        if name in self.other_relations:
            return True
        return name in self.tables and self.root_of.get(name, root) != root


class Catalog:
    """The catalog of one destination, used in the connection's current transaction."""

    def __init__(self, connection: DestinationConnection) -> None:
        self._connection = connection
        self._queries = load_queries("services.loader.catalog")

    async def create_if_missing(self) -> None:
        """Several loaders may do so at the same time."""
        async with self._connection.transaction():
            await self._connection.execute("SELECT pg_advisory_xact_lock(4, 0)")
            await self._connection.execute(catalog_sql())

    async def lock_table(self, schema: str, table: str) -> None:
        """Waits for other loads of the table; held until the end of the transaction."""
        await self._connection.execute(self._queries["lock_table"], schema, table)

    async def lock_holders(self, schema: str, table: str) -> list[str]:
        """The sessions that hold locks on the table now, described for an operator."""
        rows = await self._connection.fetch(self._queries["lock_holders"], schema, table)
        return [f"session {pid} of {user} ({name})" for pid, user, name in rows]

    # --- loaded markers ---

    async def loaded_markers(self, keys: Sequence[BatchKey]) -> dict[BatchKey, LoadCounts]:
        """Those of the batches that have one, and the counts stored with them."""
        columns = batch_key_columns(keys)
        rows = await self._connection.fetch(self._queries["loaded_markers"], *columns)
        return {BatchKey(*row[:2]): LoadCounts(*row[2:]) for row in rows}

    async def add_markers(
        self, keys: Sequence[BatchKey], schema: str, counts: LoadCounts, *, now: datetime
    ) -> None:
        """Marks the batches of one load as loaded; its counts are stored with the first."""
        await self._connection.execute(
            self._queries["add_markers"], *batch_key_columns(keys), schema, now, *counts
        )

    async def delete_markers(self, keys: Iterable[BatchKey]) -> None:
        await self._connection.execute(self._queries["delete_markers"], *batch_key_columns(keys))

    async def all_markers(self) -> list[BatchKey]:
        rows = await self._connection.fetch(self._queries["all_markers"])
        return [BatchKey(*row) for row in rows]

    # --- tables ---

    async def table_state(self, schema: str, root: str, names: Iterable[str]) -> TableState:
        """The root table, its registered sub-tables, and every other relation with a name asked."""
        asked = {root, *names}
        found = TableState()
        registered = await self._connection.fetch(
            self._queries["known_tables"], schema, root, list(asked)
        )
        found.root_of = {row["table_name"]: row["root_name"] for row in registered}
        asked.update(found.root_of)
        relations = await self._connection.fetch(self._queries["relations"], schema, list(asked))
        tables = {row["oid"]: row for row in relations if row["kind"] in _TABLE_KINDS}
        found.other_relations = {row["name"] for row in relations} - {
            row["name"] for row in tables.values()
        }
        found.tables = await self._tables(schema, tables)
        return found

    async def _tables(self, schema: str, relations: dict[int, Record]) -> dict[str, ExistingTable]:
        if not relations:
            return {}
        oids = list(relations)
        columns: dict[int, dict[str, ExistingColumn]] = {oid: {} for oid in oids}
        for row in await self._connection.fetch(self._queries["columns"], oids, schema):
            columns[row["oid"]][row["name"]] = ExistingColumn(
                row["name"],
                kind_of_pg_type(row["type"]),
                row["base_name"],
                row["type"],
                row["has_default"],
                row["full_type"],
            )
        keys = {
            row["oid"]: tuple(sorted(row["columns"]))
            for row in await self._connection.fetch(self._queries["primary_keys"], oids)
        }
        return {
            row["name"]: ExistingTable(columns[oid], keys.get(oid), row["attributes"])
            for oid, row in relations.items()
        }

    async def has_schema(self, schema: str) -> bool:
        rejected = identifiers.quote_qualified(schema, identifiers.REJECTED_TABLE)
        return await self._connection.fetchval("SELECT to_regclass($1)", rejected) is not None

    async def create_schema(self, schema: str) -> None:
        """Creates the schema of an integration with its ``_sdc_rejected``, one load at a time.

        Without the lock, the second of two concurrent IF NOT EXISTS would fail. After the lock it
        asks the catalog again: IF NOT EXISTS relies on what the session knew before it waited,
        until a system catalog is opened.
        """
        rejected = identifiers.quote_qualified(schema, identifiers.REJECTED_TABLE)
        async with self._connection.transaction():
            await self.lock_table(schema, "")
            if await self._connection.fetch(
                self._queries["relations"], schema, [identifiers.REJECTED_TABLE]
            ):
                return
            await self._connection.execute(
                f"CREATE SCHEMA IF NOT EXISTS {identifiers.quote_identifier(schema)};"
                f"CREATE TABLE IF NOT EXISTS {rejected} (record text, reason text, table_name text,"
                f" _sdc_rejected_at timestamp with time zone)"
            )

    async def apply_plan(self, schema: str, table: str, plan: TablePlan) -> None:
        """Runs the plan's DDL and registers its columns."""
        for statement in ddl_of(schema, table, plan):
            await self._connection.execute(statement)
        if plan.create:
            await self._connection.execute(self._queries["unregister_table"], schema, table)
        if plan.renames:
            old = [before for before, _ in plan.renames]
            await self._connection.execute(self._queries["unregister_columns"], schema, table, old)
        renamed = [column for _, column in plan.renames]
        columns = [*plan.create, *plan.adds, *plan.adopted, *renamed]
        if columns:
            names = [column.name for column in columns]
            bases = [column.base for column in columns]
            await self._connection.execute(
                self._queries["register_columns"], schema, table, names, bases
            )

    async def register_table(
        self, schema: str, table: str, *, root: str, active_version: int | None
    ) -> None:
        await self._connection.execute(
            self._queries["register_table"], schema, table, root, active_version
        )

    async def unregister_schema(self, schema: str) -> None:
        await self._connection.execute(self._queries["unregister_schema"], schema)

    # --- versions ---

    async def active_version(self, schema: str, table: str) -> int | None:
        found: int | None = await self._connection.fetchval(
            self._queries["active_version"], schema, table
        )
        return found

    async def stage_version(self, schema: str, table: str, version: int) -> int:
        """The number of the version's staging schema; idempotent."""
        number: int = await self._connection.fetchval(
            self._queries["stage_version"], schema, table, version
        )
        return number

    async def staged_versions(self, schema: str, table: str, until: int) -> dict[int, int]:
        """The numbers of staging schemas, by version."""
        rows = await self._connection.fetch(self._queries["staged_versions"], schema, table, until)
        return {row["version"]: row["number"] for row in rows}

    async def delete_staged_versions(self, schema: str, table: str, until: int) -> None:
        await self._connection.execute(
            self._queries["delete_staged_versions"], schema, table, until
        )


def ddl_of(schema: str, table: str, plan: TablePlan) -> list[str]:
    """The plan as DDL, in the order in which it must run."""
    quoted = identifiers.quote_qualified(schema, table)
    if plan.create:
        columns = [f"{identifiers.quote_identifier(c.name)} {c.kind}" for c in plan.create]
        if plan.primary_key:
            columns.append(f"PRIMARY KEY ({identifiers.quote_list(plan.primary_key)})")
        return [f"CREATE TABLE {quoted} ({', '.join(columns)})"]
    statements = [
        f"ALTER TABLE {quoted} RENAME COLUMN {identifiers.quote_identifier(before)}"
        f" TO {identifiers.quote_identifier(after.name)}"
        for before, after in plan.renames
    ]
    if plan.adds:
        adds = [f"ADD COLUMN {identifiers.quote_identifier(c.name)} {c.kind}" for c in plan.adds]
        statements.append(f"ALTER TABLE {quoted} {', '.join(adds)}")
    return statements
