"""Which values a column refuses that a customer made narrower than the loader's. Pure.

Rules: loading behaviour 1.4 and 5.3.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from services.loader.parsing import conversion
from services.loader.parsing.rows import TableRows
from services.loader.schema.column_types import ColumnKey
from services.loader.schema.plan import ExistingTable, TablePlan

_INTEGER_MAX = {"int2": 2**15 - 1, "int4": 2**31 - 1}
_DECIMALS = ("float4", "numeric")

# The rows of one table, and the pg_type names of the columns that they go into.
TypedRows = tuple[TableRows, Mapping[ColumnKey, str]]


def type_names(existing: ExistingTable | None, plan: TablePlan) -> dict[ColumnKey, str]:
    """The pg_type names of the columns that existed before the plan."""
    if existing is None:
        return {}
    before = {renamed.name: name for name, renamed in plan.renames}
    names = {column: before.get(name, name) for column, name in plan.column_of.items()}
    return {
        column: existing.columns[name].type_name
        for column, name in names.items()
        if name in existing.columns
    }


def out_of_range_reasons(tables: Iterable[TypedRows]) -> dict[int, str]:
    """The reasons of 5.3 by ordinal, for records that such a column refuses."""
    found: dict[int, str] = {}
    largest: dict[int, Any] = {}
    for rows, type_of in tables:
        for column, values in rows.columns.items():
            name = type_of.get(column, "")
            if name not in _INTEGER_MAX and name not in _DECIMALS:
                continue
            for ordinal, value in zip(rows.record_ordinals, values, strict=True):
                if value is None or str(value) == "nan":
                    continue
                if name in _DECIMALS:
                    largest[ordinal] = max(value, largest.get(ordinal, value), key=_size)
                elif not -_INTEGER_MAX[name] - 1 <= value <= _INTEGER_MAX[name]:
                    found.setdefault(ordinal, f"integer out of range for PostgreSQL on {value}")
    for ordinal, value in largest.items():
        reason = f"decimal out of range for PostgreSQL on {conversion.as_written(value)}"
        found.setdefault(ordinal, reason)
    return found


def _size(value: float | str) -> Decimal:
    return abs(Decimal(value))
