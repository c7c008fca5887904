"""The tables that one load writes to: before and after they are prepared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.loader.catalog.catalog import Catalog, TableState
from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing.rows import SubTableKey
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKey
from services.loader.schema.plan import ExistingTable, TablePlan
from services.loader.writing.key_matching import WriteMode
from services.loader.writing.rejects import RejectedRecords


@dataclass(frozen=True, slots=True)
class RootTable:
    """A table with its sub-tables, within the transaction of one load."""

    connection: DestinationConnection
    rejected: RejectedRecords
    schema: str
    name: str

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.connection)

    def in_schema(self, schema: str) -> RootTable:
        return replace(self, schema=schema)

    async def state(self, names: Iterable[str] = ()) -> TableState:
        """The state of the table, its sub-tables, and whatever else has one of ``names``."""
        return await self.catalog.table_state(self.schema, self.name, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTable:
    """A table after its plan was applied. ``existing`` is the table before, if there was one."""

    schema: str
    name: str
    plan: TablePlan
    existing: ExistingTable | None

    @property
    def quoted(self) -> str:
        return identifiers.quote_qualified(self.schema, self.name)

    @property
    def written_columns(self) -> set[str]:
        """The columns that the loader writes; a customer's own are not among them."""
        columns = {c.name for c in (*self.plan.create, *self.plan.adds, *self.plan.adopted)}
        if self.existing is not None:
            columns.update(c.name for c in self.existing.columns.values() if c.base is not None)
        for before, column in self.plan.renames:
            columns.discard(before)
            columns.add(column.name)
        return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTables:
    """A root table and its sub-tables, ready for rows. ``key`` is empty for records without keys.

    ``key_casts`` are for key columns that a customer altered. ``sub_tables_to_clear`` may already
    have sub-rows of the records that are written.
    """

    root: TargetTable
    sub_tables: Mapping[SubTableKey, TargetTable]
    key: Sequence[ColumnKey]
    key_casts: Mapping[ColumnKey, str]
    has_surrogate_key: bool
    write_mode: WriteMode
    sub_tables_to_clear: Sequence[str]
