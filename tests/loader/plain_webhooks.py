"""A second, simple implementation of the rules for webhook bodies: counts and reasons.

Written from the specification, without the loader's own code, and for this data only: arrays in it
hold objects or scalars, never arrays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

COLUMN_MAX = 59
TABLE_MAX = 63


def canonical(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_ ]", "", name).strip()


def collisions(value: Any, path: str = "") -> Iterator[str]:
    """The columns that two fields of one object want."""
    if isinstance(value, list):
        for element in value:
            yield from collisions(element)
    if isinstance(value, dict):
        names = Counter(canonical(name) for name, field in value.items() if field is not None)
        yield from (join(path, name) for name, times in names.items() if times > 1)
        for name, field in value.items():
            yield from collisions(field, join(path, canonical(name)))


def join(path: str, name: str) -> str:
    return f"{path}__{name}" if path else name


def leaves(record: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Columns of a row with their values, arrays left out."""
    for name, field in record.items():
        column = join(path, canonical(name))
        if isinstance(field, dict):
            yield from leaves(field, column)
        elif field is not None and not isinstance(field, list):
            yield column, field


def arrays(record: dict[str, Any], table: str) -> Iterator[tuple[str, list[Any]]]:
    """Sub-tables with the elements they get, also those with names that are too long."""
    for name, field in record.items():
        path = join(table, canonical(name))
        if isinstance(field, dict):
            yield from arrays(field, path)
        elif isinstance(field, list) and field:
            yield path, field
            for element in field:
                if isinstance(element, dict):
                    yield from arrays(element, path)


def sub_rows(record: dict[str, Any], table: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for path, elements in arrays(record, table):
        if len(path) <= TABLE_MAX:
            counts[path] += len(elements)
    return counts


def left_out(record: dict[str, Any], table: str) -> set[str]:
    """Reasons of the log rows for what is left out of a record that is loaded."""
    rows = [record]
    found = set()
    for path, elements in arrays(record, table):
        if len(path) > TABLE_MAX:
            found.add(f"Table name {path} is too long for PostgreSQL")
        else:
            rows += [element for element in elements if isinstance(element, dict)]
    for row in rows:
        found |= {
            f"Column name {column} is too long for PostgreSQL"
            for column, _ in leaves(row)
            if len(column) > COLUMN_MAX
        }
    return found


def without_last_element(record: dict[str, Any]) -> dict[str, Any]:
    """One array is shorter: the first that has elements."""
    shortened = dict(record)
    for name, field in record.items():
        if isinstance(field, list) and field:
            shortened[name] = field[:-1]
            return shortened
        if isinstance(field, dict) and (inner := without_last_element(field)) != field:
            shortened[name] = inner
            return shortened
    return shortened
