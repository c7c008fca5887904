"""Which value a column refuses that somebody made narrower than we made it. Pure.

Rules: loading behaviour 1.4 and 5.3.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from services.loader import values
from services.loader.plan import ExistingTable, Plan
from services.loader.rows import CellKey, Rows

_INTEGER_MAX = {"int2": 2**15 - 1, "int4": 2**31 - 1}
_DECIMALS = ("float4", "numeric")

# Rows of one table, and what PostgreSQL calls the types of the columns that they go into.
Typed = tuple[Rows, Mapping[CellKey, str]]


def type_names(existing: ExistingTable | None, plan: Plan) -> dict[CellKey, str]:
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


def reason(tables: Iterable[Typed]) -> str | None:
    """For a record that such a column refused, in the words of 5.3; None when it holds none."""
    tables = list(tables)
    for type_name, value in _narrow(tables, _INTEGER_MAX):
        limit = _INTEGER_MAX[type_name]
        if not -limit - 1 <= value <= limit:
            return f"integer out of range for PostgreSQL on {value}"
    decimals = [value for _, value in _narrow(tables, _DECIMALS)]
    if decimals:
        largest = max(decimals, key=lambda value: abs(Decimal(value)))
        return f"decimal out of range for PostgreSQL on {values.as_written(largest)}"
    return None


def _narrow(tables: Iterable[Typed], types: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Values of columns of these types. NaN fits everywhere."""
    for rows, type_of in tables:
        for cell, cells in rows.cells.items():
            name = type_of.get(cell, "")
            if name in types:
                yield from ((name, v) for v in cells if v is not None and str(v) != "nan")
