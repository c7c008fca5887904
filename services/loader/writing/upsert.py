"""The statements that bring staged rows into their tables (loading behaviour 4.2 and 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto

from services.loader.catalog.catalog import DestinationConnection
from services.loader.parsing import rows
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.parsing.rows import ColumnKey
from services.loader.schema import identifiers
from services.loader.writing.staging import (
    LoadMetadata,
    StagingTable,
    StatementParameters,
    TargetTable,
    surrogate_expression,
)


class WriteMode(Enum):
    """What happens to a row whose key is in the table already (loading behaviour 4.1)."""

    # The greater sequence stays.
    UPSERT = auto()
    # Keys made from batch and place: the row is there already, so nothing happens.
    INSERT_IGNORE = auto()
    # No constraint: every row is a new one.
    APPEND = auto()
    # A constraint on other columns: rows that it lets in are new ones, the others are rejected.
    APPEND_VALID = auto()


class RootInsert:
    """Brings the staged root rows into the root table."""

    def __init__(
        self,
        staging: StagingTable,
        target: TargetTable,
        stamp: LoadMetadata,
        *,
        key: Sequence[ColumnKey],
        surrogate: bool,
        parameters: StatementParameters | None = None,
    ) -> None:
        """``surrogate``: the table has ``__sdc_primary_key``."""
        self._staging = staging
        self._target = target
        self._parameters = parameters or StatementParameters()
        self.key_columns = [base for base, _ in key] or [identifiers.SURROGATE_KEY]
        column_of = target.plan.column_of
        self._values = {column_of[cell]: staging.expression(cell) for cell in staging.data_columns}
        self._add_system(stamp)
        if surrogate:
            self._values[identifiers.SURROGATE_KEY] = surrogate_expression(self._parameters, stamp)

    def _add_system(self, stamp: LoadMetadata) -> None:
        add = self._parameters.add
        received = add(list(stamp.received), "timestamptz[]")
        self._values[identifiers.BATCHED_AT] = add(stamp.batched_at, "timestamptz")
        self._values[identifiers.RECEIVED_AT] = f"({received})[s.{rows.REQUEST}]"
        self._values[identifiers.SEQUENCE] = f"s.{rows.ROW_SEQUENCE}"
        self._values[identifiers.TABLE_VERSION] = add(stamp.version, "bigint")
        if self._staging.has(rows.EXTRACTED):
            self._values[identifiers.EXTRACTED_AT] = f"s.{rows.EXTRACTED}::timestamptz"

    def reading(self, column: str) -> str | None:
        """The expression that goes into a column of the table, if any does."""
        return self._values.get(column)

    async def run(
        self,
        connection: DestinationConnection,
        pace: ParseThrottle,
        behaviour: WriteMode,
        *,
        won: str | None = None,
    ) -> int:
        """How many rows were written. ``won`` is a temporary table to be made, with their keys."""
        insert = self.statement(behaviour)
        values = self._parameters.values
        if won is None:
            return _count(await pace.execute_long(connection, insert, values))
        await connection.execute(
            f"CREATE TEMP TABLE {won} ON COMMIT DROP AS"
            f" SELECT {identifiers.quote_list(self.key_columns)} FROM {self._target.quoted} LIMIT 0"
        )
        returned = ", ".join(
            [f"t.{identifiers.quote_identifier(name)}" for name in self.key_columns]
        )
        noting = (
            f"WITH done AS ({insert} RETURNING {returned}) INSERT INTO {won} SELECT * FROM done"
        )
        return _count(await pace.execute_long(connection, noting, values))

    def statement(self, behaviour: WriteMode, where: str = "true") -> str:
        insert = (
            f"INSERT INTO {self._target.quoted} AS t ({identifiers.quote_list(list(self._values))})"
            f" SELECT {', '.join(self._values.values())} FROM {self._staging.name} s WHERE {where}"
        )
        if behaviour in (WriteMode.APPEND, WriteMode.APPEND_VALID):
            return insert
        if behaviour is WriteMode.INSERT_IGNORE:
            return f"{insert} ON CONFLICT ({identifiers.SURROGATE_KEY}) DO NOTHING"
        key = identifiers.quote_list(sorted(self.key_columns))
        return (
            f"{insert} ON CONFLICT ({key}) DO UPDATE SET {self._assignments()}"
            f" WHERE t.{identifiers.SEQUENCE} IS NULL"
            f" OR t.{identifiers.SEQUENCE} < excluded.{identifiers.SEQUENCE}"
        )

    def _assignments(self) -> str:
        """The whole row: what the record lacks becomes NULL, a customer's own columns stay."""
        pieces = []
        for column in sorted({*self._target.own, *self._values} - set(self.key_columns)):
            quoted = identifiers.quote_identifier(column)
            value = f"excluded.{quoted}" if column in self._values else "NULL"
            pieces.append(f"{quoted} = {value}")
        return ", ".join(pieces)


class SubTableInsert:
    """Brings the staged rows of a sub-table into it, for the root rows that were written."""

    def __init__(
        self,
        staging: StagingTable,
        target: TargetTable,
        stamp: LoadMetadata,
        *,
        levels: int,
        parameters: StatementParameters | None = None,
    ) -> None:
        self._staging = staging
        self._target = target
        self._stamp = stamp
        self._levels = levels
        self._parameters = parameters or StatementParameters()

    async def run(
        self,
        connection: DestinationConnection,
        pace: ParseThrottle,
        root: StagingTable,
        key: Sequence[ColumnKey],
        *,
        won: str | None,
    ) -> int:
        """``won`` None: every root row that is staged was written."""
        statement = self.statement(root, key, won=won)
        return _count(await pace.execute_long(connection, statement, self._parameters.values))

    def statement(
        self, root: StagingTable, key: Sequence[ColumnKey], *, won: str | None = None
    ) -> str:
        key_values = self._key_values(root, key)
        values = self._values(key_values)
        join = f"JOIN {root.name} r ON r.{rows.ORDINAL} = s.{rows.ROOT}"
        if won is not None:
            matches = [
                f"w.{identifiers.quote_identifier(name)} = {expression}"
                for name, expression in key_values.items()
            ]
            join += f" JOIN {won} w ON {' AND '.join(matches)}"
        return (
            f"INSERT INTO {self._target.quoted} ({identifiers.quote_list(list(values))})"
            f" SELECT {', '.join(values.values())} FROM {self._staging.name} s {join}"
        )

    def _key_values(self, root: StagingTable, key: Sequence[ColumnKey]) -> dict[str, str]:
        if key:
            return {cell[0]: root.expression(cell, "r") for cell in key}
        return {identifiers.SURROGATE_KEY: surrogate_expression(self._parameters, self._stamp, "r")}

    def _values(self, key_values: dict[str, str]) -> dict[str, str]:
        add, column_of = self._parameters.add, self._target.plan.column_of
        values = {
            column_of[cell]: self._staging.expression(cell) for cell in self._staging.data_columns
        }
        received = add(list(self._stamp.received), "timestamptz[]")
        values[identifiers.BATCHED_AT] = add(self._stamp.batched_at, "timestamptz")
        values[identifiers.RECEIVED_AT] = f"({received})[r.{rows.REQUEST}]"
        values[identifiers.SEQUENCE] = f"r.{rows.ROW_SEQUENCE}"
        values[identifiers.TABLE_VERSION] = add(self._stamp.version, "bigint")
        for level in range(self._levels):
            values[identifiers.level_column(level)] = f"s.{rows.LEVEL}{level}"
        for name, expression in key_values.items():
            values[identifiers.source_key_column(name)] = expression
        return values


async def create_written_keys(
    connection: DestinationConnection, won: str, staging: StagingTable, key: Sequence[ColumnKey]
) -> None:
    """Makes ``won`` of all staged rows: where every row is written, asking which is no use."""
    columns = ", ".join(
        [f"{staging.expression(cell)} AS {identifiers.quote_identifier(cell[0])}" for cell in key]
    )
    await connection.execute(
        f"CREATE TEMP TABLE {won} ON COMMIT DROP AS SELECT {columns} FROM {staging.name} s"
    )


async def delete_sub_rows(
    connection: DestinationConnection,
    pace: ParseThrottle,
    quoted_table: str,
    won: str,
    key: Mapping[str, str],
) -> None:
    """The sub-rows of the root rows in ``won``. ``key``: its columns, and casts of those here.

    The sub-table's only index begins with the levels: from PostgreSQL 18 on it is searched for
    each key all the same, but only when the planner knows how few keys there are.
    """
    await connection.execute(f"ANALYZE {won}")
    matches = " AND ".join(
        [
            f"c.{identifiers.quote_identifier(identifiers.source_key_column(name))}{cast}"
            f" = w.{identifiers.quote_identifier(name)}"
            for name, cast in key.items()
        ]
    )
    delete = f"DELETE FROM {quoted_table} c USING {won} w WHERE {matches}"
    await pace.execute_long(connection, delete)


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
