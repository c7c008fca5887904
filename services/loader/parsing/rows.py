"""Rows of one destination table in columns, on their way from records to the staging table. Pure.

Cells are keyed by the column's own name and its kind: which column of the table that becomes
(a split, say) is the plan's business. All lists of one table are equally long.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

from services.loader.schema.column_types import ColumnKind

ColumnKey = tuple[str, ColumnKind]
# A sub-table's path, and how many array levels lead to it: an object and an array of objects may
# lead to one name in different ways.
SubTableKey = tuple[str, int]
# Why something is left out of a table: the table's path (empty for the root), and the reason.
Omission = tuple[str, str]

# Names of fixed columns, which stand beside the cells.
ORDINAL = "_ordinal"  # root: the record's place in the load
REQUEST = "_request"  # root: which request of the load
RECORD_INDEX = "_place"  # root: the record's index in its request
ROW_SEQUENCE = "_sequence"
EXTRACTED = "_extracted"
ROOT = "_root"  # sub-tables: the ordinal of the root record
LEVEL = "_level_"  # sub-tables: one column for each array level, ``_level_0`` the outermost


class TableRows:
    """One table's rows. ``path`` is empty for the root, else the sub-table's name after it."""

    __slots__ = ("columns", "fixed", "levels", "path", "size")

    def __init__(self, path: str, levels: int, fixed: dict[str, list[Any]], size: int) -> None:
        self.path = path
        self.levels = levels
        self.fixed = fixed
        self.columns: dict[ColumnKey, list[Any]] = {}
        self.size = size

    @property
    def record_ordinals(self) -> list[int]:
        """For each row the ordinal of the root record that it comes from."""
        return self.fixed[ORDINAL] if not self.levels else self.fixed[ROOT]

    def extend(self, other: "TableRows") -> None:
        """``other`` are later rows of the same table; it must not be used afterwards."""
        for name, values in other.fixed.items():
            self.fixed[name].extend(values)
        for key, values in other.columns.items():
            mine = self.columns.get(key)
            if mine is None:
                self.columns[key] = [None] * self.size + values
            else:
                mine.extend(values)
        self.size += other.size
        for values in self.columns.values():
            if len(values) < self.size:
                values.extend([None] * (self.size - len(values)))

    def copy(self) -> "TableRows":
        """Lists are shared: whoever changes one makes it anew (``keep`` does)."""
        other = TableRows(self.path, self.levels, self.fixed, self.size)
        other.columns = self.columns
        return other

    def filter(self, mask: Sequence[bool]) -> None:
        """Only the rows whose place in ``mask`` is true; columns left without a value go too."""
        self.fixed = {name: list(compress(values, mask)) for name, values in self.fixed.items()}
        kept = {key: list(compress(values, mask)) for key, values in self.columns.items()}
        self.columns = {key: values for key, values in kept.items() if _any_value(values)}
        self.size = sum(mask)


def _any_value(values: list[Any]) -> bool:
    return any(value is not None for value in values)


class FlattenedRecords:
    """A root table's rows and those of its sub-tables, with what could not be taken.

    ``rejected`` holds a reason by ordinal, ``notes`` the first ordinal of each thing left out (an
    over-long column, a sub-table that can't be made).
    """

    def __init__(self, root: TableRows) -> None:
        self.root = root
        self.sub_tables: dict[SubTableKey, TableRows] = {}
        self.rejected: dict[int, str] = {}
        self.omissions: dict[Omission, int] = {}

    def extend(self, other: "FlattenedRecords") -> None:
        self.root.extend(other.root)
        for key, rows in other.sub_tables.items():
            mine = self.sub_tables.get(key)
            if mine is None:
                self.sub_tables[key] = rows
            else:
                mine.extend(rows)
        self.rejected.update(other.rejected)
        for note, ordinal in other.omissions.items():
            self.omissions.setdefault(note, ordinal)

    def drop(self, unwanted: Callable[[int], bool]) -> None:
        """Without the records whose ordinal is unwanted, and without their sub-rows."""
        for rows in (self.root, *self.sub_tables.values()):
            rows.filter([not unwanted(ordinal) for ordinal in rows.record_ordinals])
        self.sub_tables = {key: rows for key, rows in self.sub_tables.items() if rows.size}

    def without(self, unwanted: Callable[[int], bool]) -> "FlattenedRecords":
        """The same without some records; this one stays as it is."""
        other = FlattenedRecords(self.root.copy())
        other.sub_tables = {key: rows.copy() for key, rows in self.sub_tables.items()}
        other.drop(unwanted)
        return other

    def split(self, middle: int) -> "FlattenedRecords":
        """Takes out the records from ordinal ``middle`` on, and gives them with their sub-rows."""
        later = self.without(lambda ordinal: ordinal < middle)
        self.drop(lambda ordinal: ordinal >= middle)
        return later

    @property
    def rows(self) -> int:
        return self.root.size + sum(rows.size for rows in self.sub_tables.values())
