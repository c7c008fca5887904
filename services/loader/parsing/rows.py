"""The rows of destination tables, stored by column. Pure.

This is the form that records have from flattening to the staging table. Values are keyed by field
and kind; which column of the table they go into is decided by the plan. All lists of one table are
equally long.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

from services.loader.schema.column_types import ColumnKey

# A sub-table's path, and how many array levels lead to it: an object and an array of objects can
# lead to the same path by different numbers of levels.
SubTableKey = tuple[str, int]
# Where a record was pushed: the request's number in the load, from 1, and the index in the request.
RecordPosition = tuple[int, int]
# Something left out of a table: the table's path (empty for the root table), and the reason.
Omission = tuple[str, str]

# Names of the fixed columns.
ORDINAL = "_ordinal"  # root: the record's number in the load
REQUEST = "_request"  # root: the request's number in the load, from 1
RECORD_INDEX = "_index"  # root: the record's index in its request
ROW_SEQUENCE = "_sequence"
EXTRACTED = "_extracted"
ROOT = "_root"  # sub-tables: the ordinal of the root record
LEVEL = "_level_"  # sub-tables: one column for each array level, ``_level_0`` the outermost


class TableRows:
    """The rows of one table. ``path`` is empty for the root, else the sub-table's name after it."""

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
        """Appends later rows of the same table. ``other`` must not be used afterwards."""
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
        """The copy shares its lists: replace a list, as ``filter`` does, instead of changing it."""
        other = TableRows(self.path, self.levels, self.fixed, self.size)
        other.columns = self.columns
        return other

    def filter(self, mask: Sequence[bool]) -> None:
        """Keeps the rows for which ``mask`` is true, and the columns that still have values."""
        self.fixed = {name: list(compress(values, mask)) for name, values in self.fixed.items()}
        filtered = {key: list(compress(values, mask)) for key, values in self.columns.items()}
        self.columns = {key: values for key, values in filtered.items() if _has_value(values)}
        self.size = sum(mask)


def _has_value(values: list[Any]) -> bool:
    return any(value is not None for value in values)


class FlattenedRecords:
    """Records as the rows of a root table and its sub-tables, and what could not be flattened.

    ``rejected`` has a reason by record ordinal. ``omissions`` has, for each thing that is left out
    (a column with a name that is too long, a sub-table that cannot be created), the first record.
    """

    def __init__(self, root: TableRows) -> None:
        self.root = root
        self.sub_tables: dict[SubTableKey, TableRows] = {}
        self.rejected: dict[int, str] = {}
        self.omissions: dict[Omission, int] = {}

    def extend(self, other: "FlattenedRecords") -> None:
        """Appends later records. ``other`` must not be used afterwards."""
        self.root.extend(other.root)
        for key, rows in other.sub_tables.items():
            mine = self.sub_tables.get(key)
            if mine is None:
                self.sub_tables[key] = rows
            else:
                mine.extend(rows)
        self.rejected.update(other.rejected)
        for omission, ordinal in other.omissions.items():
            self.omissions.setdefault(omission, ordinal)

    def drop(self, unwanted: Callable[[int], bool]) -> None:
        """Removes the records with unwanted ordinals, and their sub-rows."""
        for rows in (self.root, *self.sub_tables.values()):
            rows.filter([not unwanted(ordinal) for ordinal in rows.record_ordinals])
        self.sub_tables = {key: rows for key, rows in self.sub_tables.items() if rows.size}

    def without(self, unwanted: Callable[[int], bool]) -> "FlattenedRecords":
        """The same without some records; this one does not change."""
        other = FlattenedRecords(self.root.copy())
        other.sub_tables = {key: rows.copy() for key, rows in self.sub_tables.items()}
        other.drop(unwanted)
        return other

    def split(self, middle: int) -> "FlattenedRecords":
        """Removes the records from ordinal ``middle`` on and returns them, with their sub-rows."""
        later = self.without(lambda ordinal: ordinal < middle)
        self.drop(lambda ordinal: ordinal >= middle)
        return later

    @property
    def rows(self) -> int:
        return self.root.size + sum(rows.size for rows in self.sub_tables.values())
