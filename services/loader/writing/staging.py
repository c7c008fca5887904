"""Rows on their way to a table, in a temporary table of the destination.

They are sent by binary COPY. Timestamps and decimals are sent as text, which PostgreSQL parses
exactly.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import count
from typing import Any

from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing import rows
from services.loader.parsing.rows import TableRows
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKey, ColumnKind

_STAGED_AS_TEXT = (ColumnKind.NUMERIC, ColumnKind.TIMESTAMP)

_FIXED_TYPES = {
    rows.ORDINAL: "int",
    rows.REQUEST: "int",
    rows.RECORD_INDEX: "int",
    rows.ROW_SEQUENCE: "bigint",
    rows.EXTRACTED: "text",
    rows.ROOT: "int",
}

_numbers = count()


def temporary_name() -> str:
    """A name that this process uses only once.

    The driver caches the column types of a table by its name, and would write one load's values
    with the types of another load's table.
    """
    return f"pushgate_staged_{next(_numbers)}"


class StagingTable:
    """A temporary table with the rows of one table; dropped at the end of the transaction."""

    def __init__(
        self,
        table_rows: TableRows,
        *,
        without: Container[str] = (),
        casts: Mapping[ColumnKey, str] | None = None,
    ) -> None:
        """``without`` are fixed columns that no statement reads. ``casts`` apply when reading."""
        self.name = temporary_name()
        self.levels = table_rows.levels
        self._columns: list[tuple[str, str, list[Any]]] = []
        # The staging column and the cast of each data column.
        self._data: dict[ColumnKey, tuple[str, str]] = {}
        for fixed, values in table_rows.fixed.items():
            if fixed not in without and (fixed != rows.EXTRACTED or any(values)):
                self._columns.append((fixed, _FIXED_TYPES.get(fixed, "bigint"), values))
        for i, ((base, kind), values) in enumerate(table_rows.columns.items()):
            column = f"c{i}"
            as_text = kind in _STAGED_AS_TEXT
            self._columns.append((column, "text" if as_text else kind.value, values))
            cast = (f"::{kind.value}" if as_text else "") + (casts or {}).get((base, kind), "")
            self._data[base, kind] = (column, cast)

    def has(self, fixed: str) -> bool:
        return any(name == fixed for name, _, _ in self._columns)

    def expression(self, column: ColumnKey, alias: str = "s") -> str:
        """How a statement reads the column from the staging table."""
        name, cast = self._data[column]
        return f"{alias}.{name}{cast}"

    @property
    def data_columns(self) -> Sequence[ColumnKey]:
        return list(self._data)

    async def fill(self, connection: DestinationConnection) -> None:
        """Creates the table and copies the rows."""
        definitions = ", ".join([f"{name} {kind}" for name, kind, _ in self._columns])
        await connection.execute(f"CREATE TEMP TABLE {self.name} ({definitions}) ON COMMIT DROP")
        await connection.copy_records_to_table(
            self.name,
            records=zip(*[values for _, _, values in self._columns], strict=True),
            columns=[name for name, _, _ in self._columns],
        )

    async def keep_latest(
        self, connection: DestinationConnection, key: Sequence[ColumnKey]
    ) -> None:
        """Keeps the latest row of each key, as in ``dedupe.superseded_rows``."""
        expressions = ", ".join([self.expression(column) for column in key])
        await connection.execute_long(
            f"DELETE FROM {self.name} d USING (SELECT s.ctid AS id, row_number() OVER ("
            f" PARTITION BY {expressions} ORDER BY s.{rows.ROW_SEQUENCE} DESC, s.{rows.REQUEST},"
            f" s.{rows.RECORD_INDEX} DESC) AS rank FROM {self.name} s) ranked"
            f" WHERE d.ctid = ranked.id AND ranked.rank > 1",
        )

    async def delete_conflicting(
        self,
        connection: DestinationConnection,
        quoted_target: str,
        key: Sequence[tuple[str, str | None]],
    ) -> list[int]:
        """Deletes rows that a unique constraint on ``key`` would refuse; returns their ordinals.

        ``key`` has for each column of the constraint the expression that reads it here, None if
        the rows have no value for it. Of several rows with the same key the first is kept.
        """
        read = [(column, expression or "NULL") for column, expression in key]
        missing = " OR ".join([f"{expression} IS NULL" for _, expression in read])
        same = " AND ".join(
            [
                f"t.{identifiers.quote_identifier(column)} = {expression}"
                for column, expression in read
            ]
        )
        partition = ", ".join([expression for _, expression in read])
        deleted = await connection.fetch_long(
            f"DELETE FROM {self.name} d USING (SELECT s.ctid AS id, ({missing})"
            f" OR row_number() OVER (PARTITION BY {partition} ORDER BY s.{rows.ORDINAL}) > 1"
            f" OR EXISTS (SELECT FROM {quoted_target} t WHERE {same}) AS conflicts"
            f" FROM {self.name} s) checked"
            f" WHERE d.ctid = checked.id AND checked.conflicts RETURNING d.{rows.ORDINAL}",
        )
        return [row[0] for row in deleted]
