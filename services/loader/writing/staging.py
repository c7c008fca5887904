"""Rows on their way through a temporary table of the destination.

They go in by binary COPY; PostgreSQL parses timestamps and decimals there, exactly.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.loader.catalog.catalog import DestinationConnection
from services.loader.parsing import rows
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.parsing.rows import ColumnKey, TableRows
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKind
from services.loader.schema.plan import TablePlan

# Kinds that are staged as text, so that their spelling, not a Python value, is what is parsed.
_STAGED_AS_TEXT = (ColumnKind.NUMERIC, ColumnKind.TIMESTAMP)

_FIXED_TYPES = {
    rows.ORDINAL: "int",
    rows.REQUEST: "int",
    rows.RECORD_INDEX: "int",
    rows.ROW_SEQUENCE: "bigint",
    rows.EXTRACTED: "text",
    rows.ROOT: "int",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTable:
    """A table as it is after the plan. ``own`` are all columns that the loader writes."""

    schema: str
    table: str
    plan: TablePlan
    own: Sequence[str]

    @property
    def quoted(self) -> str:
        return identifiers.quote_qualified(self.schema, self.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMetadata:
    """What all rows of one load share; ``received`` and ``batches`` are by request, from 1."""

    batched_at: datetime
    version: int
    received: Sequence[datetime]
    batches: Sequence[str]


class StatementParameters:
    """Of one statement: each value once, named by where it is used."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.kinds: list[str] = []

    def add(self, value: Any, kind: str) -> str:
        self.values.append(value)
        self.kinds.append(kind)
        return f"${len(self.values)}::{kind}"


class StagingTable:
    """A temporary table with the rows of one table, gone at the end of the transaction."""

    def __init__(
        self,
        name: str,
        table_rows: TableRows,
        *,
        without: Container[str] = (),
        casts: Mapping[ColumnKey, str] | None = None,
    ) -> None:
        """``without``: fixed columns that nobody will ask for. ``casts``: of cells when read."""
        self.name = name
        self._columns: list[tuple[str, str, list[Any]]] = []
        # Staging column and cast of each cell.
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

    def expression(self, cell: ColumnKey, alias: str = "s") -> str:
        """How a statement over the staging table reads the cell."""
        column, cast = self._data[cell]
        return f"{alias}.{column}{cast}"

    @property
    def data_columns(self) -> Sequence[ColumnKey]:
        return list(self._data)

    async def fill(self, connection: DestinationConnection) -> None:
        definitions = ", ".join([f"{name} {kind}" for name, kind, _ in self._columns])
        await connection.execute(f"CREATE TEMP TABLE {self.name} ({definitions}) ON COMMIT DROP")
        await connection.copy_records_to_table(
            self.name,
            records=zip(*[values for _, _, values in self._columns], strict=True),
            columns=[name for name, _, _ in self._columns],
        )

    async def keep_latest(
        self, connection: DestinationConnection, pace: ParseThrottle, key: Sequence[ColumnKey]
    ) -> None:
        """One row a key: greatest sequence, then earlier request, then later message in it."""
        expressions = ", ".join([self.expression(cell) for cell in key])
        await pace.execute_long(
            connection,
            f"DELETE FROM {self.name} d USING (SELECT s.ctid AS id, row_number() OVER ("
            f" PARTITION BY {expressions} ORDER BY s.{rows.ROW_SEQUENCE} DESC, s.{rows.REQUEST},"
            f" s.{rows.RECORD_INDEX} DESC) AS rank FROM {self.name} s) ranked"
            f" WHERE d.ctid = ranked.id AND ranked.rank > 1",
        )

    async def delete_conflicting(
        self,
        connection: DestinationConnection,
        pace: ParseThrottle,
        target: TargetTable,
        key: Sequence[tuple[str, str | None]],
    ) -> list[int]:
        """Removes rows that a unique constraint on ``key`` would refuse; their ordinals.

        ``key`` tells for each column of the constraint how it is read here, None where the rows
        have nothing for it. Of several rows with one key the first stays.
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
        found = await pace.fetch_long(
            connection,
            f"DELETE FROM {self.name} d USING (SELECT s.ctid AS id, ({missing})"
            f" OR row_number() OVER (PARTITION BY {partition} ORDER BY s.{rows.ORDINAL}) > 1"
            f" OR EXISTS (SELECT FROM {target.quoted} t WHERE {same}) AS unfit"
            f" FROM {self.name} s) judged"
            f" WHERE d.ctid = judged.id AND judged.unfit RETURNING d.{rows.ORDINAL}",
        )
        return [row[0] for row in found]


def surrogate_expression(
    parameters: StatementParameters, stamp: LoadMetadata, alias: str = "s"
) -> str:
    """``__sdc_primary_key``: the same each time the body is loaded (design, section 5)."""
    batches = parameters.add(list(stamp.batches), "text[]")
    batch = f"({batches})[{alias}.{rows.REQUEST}]"
    return f"md5({batch} || ':' || {alias}.{rows.RECORD_INDEX})::uuid::text"
