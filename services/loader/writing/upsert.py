"""The statements that move staged rows into their tables (loading behaviour 4.2 and 4.3).

In all of them ``s`` is the staging table of the rows, ``t`` the target table, and for sub-rows
``r`` is the staging table of the root rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing import rows
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKey
from services.loader.writing.key_matching import WriteMode
from services.loader.writing.staging import StagingTable, temporary_name
from services.loader.writing.tables import TargetTable, TargetTables


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMetadata:
    """What all rows of one load share. ``received`` and ``batches`` are by request, from 1."""

    batched_at: datetime
    version: int
    received: Sequence[datetime]
    batches: Sequence[str]


class StatementParameters:
    """The parameters of one statement, or of several that run as one."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.types: list[str] = []

    def add(self, value: Any, pg_type: str) -> str:
        """The expression for the parameter."""
        self.values.append(value)
        self.types.append(pg_type)
        return f"${len(self.values)}::{pg_type}"


class RootInsert:
    """Inserts staged root rows into the root table, in the write mode of the tables."""

    def __init__(
        self,
        staging: StagingTable,
        tables: TargetTables,
        metadata: LoadMetadata,
        parameters: StatementParameters | None = None,
    ) -> None:
        self.staging = staging
        self._tables = tables
        self._parameters = parameters or StatementParameters()
        self._key = [base for base, _ in tables.key] or [identifiers.SURROGATE_KEY]
        column_of = tables.root.plan.column_of
        self._values = {
            column_of[column]: staging.expression(column) for column in staging.data_columns
        }
        self._add_system_columns(metadata)
        if tables.has_surrogate_key:
            self._values[identifiers.SURROGATE_KEY] = _surrogate_key(self._parameters, metadata)

    def _add_system_columns(self, metadata: LoadMetadata) -> None:
        add = self._parameters.add
        received = add(list(metadata.received), "timestamptz[]")
        self._values[identifiers.BATCHED_AT] = add(metadata.batched_at, "timestamptz")
        self._values[identifiers.RECEIVED_AT] = f"({received})[s.{rows.REQUEST}]"
        self._values[identifiers.SEQUENCE] = f"s.{rows.ROW_SEQUENCE}"
        self._values[identifiers.TABLE_VERSION] = add(metadata.version, "bigint")
        if self.staging.has(rows.EXTRACTED):
            self._values[identifiers.EXTRACTED_AT] = f"s.{rows.EXTRACTED}::timestamptz"

    def expression_for(self, column: str) -> str | None:
        """The expression that is inserted into a column of the table, if any is."""
        return self._values.get(column)

    async def run(self, connection: DestinationConnection) -> int:
        """Returns how many rows were written."""
        return await connection.execute_long(self.statement(), *self._parameters.values)

    async def run_and_note_keys(self, connection: DestinationConnection, written_keys: str) -> int:
        """As ``run``; creates the temporary table ``written_keys`` with the keys of those rows."""
        await connection.execute(
            f"CREATE TEMP TABLE {written_keys} ON COMMIT DROP AS"
            f" SELECT {identifiers.quote_list(self._key)} FROM {self._tables.root.quoted} LIMIT 0"
        )
        returned = ", ".join([f"t.{identifiers.quote_identifier(name)}" for name in self._key])
        statement = (
            f"WITH done AS ({self.statement()} RETURNING {returned})"
            f" INSERT INTO {written_keys} SELECT * FROM done"
        )
        return await connection.execute_long(statement, *self._parameters.values)

    def statement(self, where: str = "true") -> str:
        insert = (
            f"INSERT INTO {self._tables.root.quoted} AS t"
            f" ({identifiers.quote_list(list(self._values))})"
            f" SELECT {', '.join(self._values.values())} FROM {self.staging.name} s WHERE {where}"
        )
        match self._tables.write_mode:
            case WriteMode.APPEND | WriteMode.APPEND_VALID:
                return insert
            case WriteMode.INSERT_IGNORE:
                return f"{insert} ON CONFLICT ({identifiers.SURROGATE_KEY}) DO NOTHING"
            case WriteMode.UPSERT:
                key = identifiers.quote_list(sorted(self._key))
                return (
                    f"{insert} ON CONFLICT ({key}) DO UPDATE SET {self._assignments()}"
                    f" WHERE t.{identifiers.SEQUENCE} IS NULL"
                    f" OR t.{identifiers.SEQUENCE} < excluded.{identifiers.SEQUENCE}"
                )

    def _assignments(self) -> str:
        """Replaces the row: fields that the record lacks become NULL; a customer's columns stay."""
        assignments = []
        for column in sorted({*self._tables.root.written_columns, *self._values} - {*self._key}):
            quoted = identifiers.quote_identifier(column)
            value = f"excluded.{quoted}" if column in self._values else "NULL"
            assignments.append(f"{quoted} = {value}")
        return ", ".join(assignments)


class SubTableInsert:
    """Inserts the staged rows of a sub-table, for root rows that were written."""

    def __init__(
        self,
        staging: StagingTable,
        target: TargetTable,
        metadata: LoadMetadata,
        *,
        root: StagingTable,
        key: Sequence[ColumnKey],
        parameters: StatementParameters | None = None,
    ) -> None:
        self.staging = staging
        self._target = target
        self._metadata = metadata
        self._root = root
        self._key = key
        self._parameters = parameters or StatementParameters()

    async def run(self, connection: DestinationConnection, written_keys: str | None) -> int:
        """Returns how many rows were written. Without ``written_keys``: for all root rows."""
        statement = self.statement(written_keys)
        return await connection.execute_long(statement, *self._parameters.values)

    def statement(self, written_keys: str | None = None) -> str:
        key_values = self._key_values()
        values = self._values(key_values)
        join = f"JOIN {self._root.name} r ON r.{rows.ORDINAL} = s.{rows.ROOT}"
        if written_keys is not None:
            matches = [
                f"w.{identifiers.quote_identifier(name)} = {expression}"
                for name, expression in key_values.items()
            ]
            join += f" JOIN {written_keys} w ON {' AND '.join(matches)}"
        return (
            f"INSERT INTO {self._target.quoted} ({identifiers.quote_list(list(values))})"
            f" SELECT {', '.join(values.values())} FROM {self.staging.name} s {join}"
        )

    def _key_values(self) -> dict[str, str]:
        """The key of the root row, by column of the root table."""
        if self._key:
            return {column[0]: self._root.expression(column, "r") for column in self._key}
        return {identifiers.SURROGATE_KEY: _surrogate_key(self._parameters, self._metadata, "r")}

    def _values(self, key_values: dict[str, str]) -> dict[str, str]:
        add, column_of = self._parameters.add, self._target.plan.column_of
        values = {
            column_of[column]: self.staging.expression(column)
            for column in self.staging.data_columns
        }
        received = add(list(self._metadata.received), "timestamptz[]")
        values[identifiers.BATCHED_AT] = add(self._metadata.batched_at, "timestamptz")
        values[identifiers.RECEIVED_AT] = f"({received})[r.{rows.REQUEST}]"
        values[identifiers.SEQUENCE] = f"r.{rows.ROW_SEQUENCE}"
        values[identifiers.TABLE_VERSION] = add(self._metadata.version, "bigint")
        for level in range(self.staging.levels):
            values[identifiers.level_column(level)] = f"s.{rows.LEVEL}{level}"
        for name, expression in key_values.items():
            values[identifiers.source_key_column(name)] = expression
        return values


async def note_keys_of_all(
    connection: DestinationConnection, staging: StagingTable, key: Sequence[ColumnKey]
) -> str:
    """Creates a temporary table with the keys of all staged rows; returns its name."""
    name = temporary_name()
    columns = ", ".join(
        [
            f"{staging.expression(column)} AS {identifiers.quote_identifier(column[0])}"
            for column in key
        ]
    )
    await connection.execute(
        f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {columns} FROM {staging.name} s"
    )
    return name


async def delete_sub_rows(
    connection: DestinationConnection,
    quoted_table: str,
    written_keys: str,
    casts: Mapping[str, str],
) -> None:
    """Deletes the sub-rows of the root rows in ``written_keys``.

    ``casts`` has every key column, with the cast that the sub-table's value needs here.

    The sub-table's only index begins with the levels. From PostgreSQL 18 on it is searched for
    each key nevertheless, but only if the planner knows how few keys there are.
    """
    await connection.execute(f"ANALYZE {written_keys}")
    matches = " AND ".join(
        [
            f"c.{identifiers.quote_identifier(identifiers.source_key_column(name))}{cast}"
            f" = w.{identifiers.quote_identifier(name)}"
            for name, cast in casts.items()
        ]
    )
    await connection.execute_long(
        f"DELETE FROM {quoted_table} c USING {written_keys} w WHERE {matches}"
    )


def _surrogate_key(
    parameters: StatementParameters, metadata: LoadMetadata, alias: str = "s"
) -> str:
    """``__sdc_primary_key``: the same each time that the body is loaded (design, section 5)."""
    batches = parameters.add(list(metadata.batches), "text[]")
    batch = f"({batches})[{alias}.{rows.REQUEST}]"
    return f"md5({batch} || ':' || {alias}.{rows.RECORD_INDEX})::uuid::text"
