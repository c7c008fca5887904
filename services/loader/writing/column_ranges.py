"""Which value a column refuses that somebody made narrower than we made it. Pure.

Rules: loading behaviour 1.4 and 5.3.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from services.loader.parsing import conversion
from services.loader.parsing.rows import ColumnKey, TableRows
from services.loader.schema.plan import ExistingTable, TablePlan

_INTEGER_MAX = {"int2": 2**15 - 1, "int4": 2**31 - 1}
_DECIMALS = ("float4", "numeric")

# Rows of one table, and what PostgreSQL calls the types of the columns that they go into.
TypedRows = tuple[TableRows, Mapping[ColumnKey, str]]


def type_names(existing: ExistingTable | None, plan: TablePlan) -> dict[ColumnKey, str]:
    """Of columns that were there before the plan."""
    if existing is None:
        return {}
    before = {column.name: name for name, column in plan.renames}
    names = {cell: before.get(name, name) for cell, name in plan.column_of.items()}
    return {
        cell: existing.columns[name].type_name
        for cell, name in names.items()
        if name in existing.columns
    }


def out_of_range_reasons(tables: Iterable[TypedRows]) -> dict[int, str]:
    """By ordinal, in the words of 5.3, for records that such a column refused."""
    told: dict[int, str] = {}
    largest: dict[int, Any] = {}
    for rows, type_of in tables:
        for cell, cells in rows.columns.items():
            name = type_of.get(cell, "")
            if name not in _INTEGER_MAX and name not in _DECIMALS:
                continue
            for ordinal, value in zip(rows.record_ordinals, cells, strict=True):
                if value is None or str(value) == "nan":
                    continue
                if name in _DECIMALS:
                    largest[ordinal] = max(value, largest.get(ordinal, value), key=_size)
                elif not -_INTEGER_MAX[name] - 1 <= value <= _INTEGER_MAX[name]:
                    told.setdefault(ordinal, f"integer out of range for PostgreSQL on {value}")
    for ordinal, value in largest.items():
        reason = f"decimal out of range for PostgreSQL on {conversion.as_written(value)}"
        told.setdefault(ordinal, reason)
    return told


def _size(value: float | str) -> Decimal:
    return abs(Decimal(value))
