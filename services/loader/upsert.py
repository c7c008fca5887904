"""Staging rows in the destination, and the statements that bring them into the tables.

Rules: loading behaviour 4.2 and 4.3. Rows go by binary COPY into a temporary table; PostgreSQL
parses timestamps and decimals there, exactly. What is the same for a whole request travels as a
parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from services.loader import naming, rows
from services.loader.column_types import Kind
from services.loader.destination import Destination
from services.loader.plan import Plan
from services.loader.rows import CellKey, Rows

# Kinds that are staged as text, so that their spelling, not a Python value, is what is parsed.
_STAGED_AS_TEXT = (Kind.NUMERIC, Kind.TIMESTAMP)

_FIXED_TYPES = {
    rows.ORDINAL: "int",
    rows.REQUEST: "int",
    rows.PLACE: "int",
    rows.ROW_SEQUENCE: "bigint",
    rows.EXTRACTED: "text",
    rows.ROOT: "int",
}


class Behaviour(Enum):
    """What happens to a row whose key is in the table already (loading behaviour 4.1)."""

    # The greater sequence stays.
    REPLACE = auto()
    # Keys made from batch and place: the row is there already, so nothing happens.
    ONCE = auto()
    # No constraint: every row is a new one.
    APPEND = auto()
    # A constraint on other columns: rows that it lets in are new ones, the others are rejected.
    APPEND_WHAT_FITS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table as it is after the plan. ``own`` are all columns that the loader writes."""

    schema: str
    table: str
    plan: Plan
    own: Sequence[str]

    @property
    def quoted(self) -> str:
        return naming.quote_qualified(self.schema, self.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What all rows of one load share; ``received`` and ``batches`` are by request, from 1."""

    batched_at: datetime
    version: int
    received: Sequence[datetime]
    batches: Sequence[str]


class Staging:
    """A temporary table with the rows of one table, gone at the end of the transaction."""

    def __init__(self, name: str, table_rows: Rows) -> None:
        self.name = name
        self._rows = table_rows
        self._columns: list[tuple[str, str, list[Any]]] = []
        # Staging column and cast of each cell.
        self._cells: dict[CellKey, tuple[str, str]] = {}
        for fixed, values in table_rows.fixed.items():
            if fixed != rows.EXTRACTED or any(values):
                self._columns.append((fixed, _FIXED_TYPES.get(fixed, "bigint"), values))
        for i, ((base, kind), values) in enumerate(table_rows.cells.items()):
            column = f"c{i}"
            as_text = kind in _STAGED_AS_TEXT
            self._columns.append((column, "text" if as_text else kind.value, values))
            self._cells[base, kind] = (column, f"::{kind.value}" if as_text else "")

    def has(self, fixed: str) -> bool:
        return any(name == fixed for name, _, _ in self._columns)

    def expression(self, cell: CellKey, alias: str = "s") -> str:
        """How a statement over the staging table reads the cell."""
        column, cast = self._cells[cell]
        return f"{alias}.{column}{cast}"

    @property
    def cells(self) -> Sequence[CellKey]:
        return list(self._cells)

    async def fill(self, connection: Destination) -> None:
        definitions = ", ".join([f"{name} {kind}" for name, kind, _ in self._columns])
        await connection.execute(f"CREATE TEMP TABLE {self.name} ({definitions}) ON COMMIT DROP")
        await connection.copy_records_to_table(
            self.name,
            records=zip(*[values for _, _, values in self._columns], strict=True),
            columns=[name for name, _, _ in self._columns],
        )

    async def keep_winners(self, connection: Destination, key: Sequence[CellKey]) -> None:
        """One row a key: greatest sequence, then earlier request, then later message in it."""
        expressions = ", ".join([self.expression(cell) for cell in key])
        await connection.execute(
            f"DELETE FROM {self.name} d USING (SELECT s.ctid AS id, row_number() OVER ("
            f" PARTITION BY {expressions} ORDER BY s.{rows.ROW_SEQUENCE} DESC, s.{rows.REQUEST},"
            f" s.{rows.PLACE} DESC) AS rank FROM {self.name} s) ranked"
            f" WHERE d.ctid = ranked.id AND ranked.rank > 1"
        )


class _Parameters:
    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any, kind: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


def surrogate_expression(parameters: _Parameters, stamp: Stamp, alias: str = "s") -> str:
    """``__sdc_primary_key``: the same each time the body is loaded (design, section 5)."""
    batches = parameters.add(list(stamp.batches), "text[]")
    return f"md5(({batches})[{alias}.{rows.REQUEST}] || ':' || {alias}.{rows.PLACE})::uuid::text"


class RootInsert:
    """Brings the staged root rows into the root table."""

    def __init__(
        self, staging: Staging, target: Target, stamp: Stamp, key: Sequence[CellKey]
    ) -> None:
        self._staging = staging
        self._target = target
        self._parameters = _Parameters()
        self._key = key
        column_of = target.plan.column_of
        self._values = {column_of[cell]: staging.expression(cell) for cell in staging.cells}
        self._add_system(stamp)

    def _add_system(self, stamp: Stamp) -> None:
        add = self._parameters.add
        received = add(list(stamp.received), "timestamptz[]")
        self._values[naming.BATCHED_AT] = add(stamp.batched_at, "timestamptz")
        self._values[naming.RECEIVED_AT] = f"({received})[s.{rows.REQUEST}]"
        self._values[naming.SEQUENCE] = f"s.{rows.ROW_SEQUENCE}"
        self._values[naming.TABLE_VERSION] = add(stamp.version, "bigint")
        if self._staging.has(rows.EXTRACTED):
            self._values[naming.EXTRACTED_AT] = f"s.{rows.EXTRACTED}::timestamptz"
        if not self._key:
            self._values[naming.SURROGATE_KEY] = surrogate_expression(self._parameters, stamp)

    @property
    def key_columns(self) -> list[str]:
        return [base for base, _ in self._key] or [naming.SURROGATE_KEY]

    async def run(
        self, connection: Destination, behaviour: Behaviour, *, won: str | None = None
    ) -> int:
        """How many rows were written. ``won`` is a temporary table to be made, with their keys."""
        insert = self._statement(behaviour)
        if won is None:
            return _count(await connection.execute(insert, *self._parameters.values))
        target_key = naming.quote_list(self.key_columns)
        await connection.execute(
            f"CREATE TEMP TABLE {won} ON COMMIT DROP AS"
            f" SELECT {target_key} FROM {self._target.quoted} LIMIT 0"
        )
        return _count(
            await connection.execute(
                f"WITH done AS ({insert} RETURNING {_of('t', self.key_columns)})"
                f" INSERT INTO {won} SELECT * FROM done",
                *self._parameters.values,
            )
        )

    def _statement(self, behaviour: Behaviour) -> str:
        columns = list(self._values)
        insert = (
            f"INSERT INTO {self._target.quoted} AS t ({naming.quote_list(columns)})"
            f" SELECT {', '.join(self._values.values())} FROM {self._staging.name} s"
        )
        if behaviour is Behaviour.APPEND:
            return insert
        conflict = f" ON CONFLICT ({naming.quote_list(sorted(self.key_columns))})"
        if behaviour is Behaviour.ONCE:
            return f"{insert}{conflict} DO NOTHING"
        return (
            f"{insert}{conflict} DO UPDATE SET {self._assignments()}"
            f" WHERE t.{naming.SEQUENCE} IS NULL"
            f" OR t.{naming.SEQUENCE} < excluded.{naming.SEQUENCE}"
        )

    def _assignments(self) -> str:
        """The whole row: what the record lacks becomes NULL, a customer's own columns stay."""
        pieces = []
        for column in sorted({*self._target.own, *self._values} - set(self.key_columns)):
            quoted = naming.quote_identifier(column)
            value = f"excluded.{quoted}" if column in self._values else "NULL"
            pieces.append(f"{quoted} = {value}")
        return ", ".join(pieces)


class ChildInsert:
    """Brings the staged rows of a sub-table into it, for the root rows that were written."""

    def __init__(self, staging: Staging, target: Target, stamp: Stamp, *, levels: int) -> None:
        self._staging = staging
        self._target = target
        self._stamp = stamp
        self._levels = levels

    async def run(
        self, connection: Destination, root: Staging, key: Sequence[CellKey], *, won: str | None
    ) -> int:
        """``won`` None: every root row staged was written."""
        parameters = _Parameters()
        values = self._values(parameters, root, key)
        join = f"JOIN {root.name} r ON r.{rows.ORDINAL} = s.{rows.ROOT}"
        if won is not None:
            join += f" JOIN {won} w ON " + " AND ".join(
                [
                    f"w.{naming.quote_identifier(name)} = {expression}"
                    for name, expression in _key_expressions(parameters, self._stamp, root, key)
                ]
            )
        return _count(
            await connection.execute(
                f"INSERT INTO {self._target.quoted} ({naming.quote_list(list(values))})"
                f" SELECT {', '.join(values.values())} FROM {self._staging.name} s {join}",
                *parameters.values,
            )
        )

    def _values(
        self, parameters: _Parameters, root: Staging, key: Sequence[CellKey]
    ) -> dict[str, str]:
        column_of = self._target.plan.column_of
        values = {column_of[cell]: self._staging.expression(cell) for cell in self._staging.cells}
        received = parameters.add(list(self._stamp.received), "timestamptz[]")
        values[naming.BATCHED_AT] = parameters.add(self._stamp.batched_at, "timestamptz")
        values[naming.RECEIVED_AT] = f"({received})[r.{rows.REQUEST}]"
        values[naming.SEQUENCE] = f"r.{rows.ROW_SEQUENCE}"
        values[naming.TABLE_VERSION] = parameters.add(self._stamp.version, "bigint")
        for level in range(self._levels):
            values[naming.level_column(level)] = f"s.{rows.LEVEL}{level}"
        for name, expression in _key_expressions(parameters, self._stamp, root, key):
            values[naming.source_key_column(name)] = expression
        return values


def _key_expressions(
    parameters: _Parameters, stamp: Stamp, root: Staging, key: Sequence[CellKey]
) -> list[tuple[str, str]]:
    """Key columns of the root and how to read them from its staging table as ``r``."""
    if key:
        return [(cell[0], root.expression(cell, "r")) for cell in key]
    return [(naming.SURROGATE_KEY, surrogate_expression(parameters, stamp, "r"))]


async def keys_of_staged(
    connection: Destination, won: str, staging: Staging, key: Sequence[CellKey]
) -> None:
    """Makes ``won`` of all staged rows: where every row is written, asking what was is no use."""
    columns = ", ".join(
        [f"{staging.expression(cell)} AS {naming.quote_identifier(cell[0])}" for cell in key]
    )
    await connection.execute(
        f"CREATE TEMP TABLE {won} ON COMMIT DROP AS SELECT {columns} FROM {staging.name} s"
    )


async def delete_children(
    connection: Destination, quoted_table: str, won: str, key_columns: Sequence[str]
) -> None:
    """The sub-rows of the root rows in ``won``."""
    matches = " AND ".join(
        [
            f"c.{naming.quote_identifier(naming.source_key_column(name))}"
            f" = w.{naming.quote_identifier(name)}"
            for name in key_columns
        ]
    )
    await connection.execute(f"DELETE FROM {quoted_table} c USING {won} w WHERE {matches}")


def _of(alias: str, columns: Sequence[str]) -> str:
    return ", ".join([f"{alias}.{naming.quote_identifier(column)}" for column in columns])


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
