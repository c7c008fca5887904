"""From a table as it is and the columns a load needs to DDL and column names. Pure.

Rules: loading behaviour 2.2 to 2.4. The result does not depend on the order of what goes in, and
planning again after a plan was applied changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.loader.schema import identifiers
from services.loader.schema.column_types import SUFFIX_OF, ColumnKey, ColumnKind

TOO_MANY_COLUMNS = "ERROR: too many columns"


class TooManyColumns(Exception):
    """The table would have more columns than PostgreSQL allows, dropped ones included."""

    def __str__(self) -> str:
        return TOO_MANY_COLUMNS


class ColumnNameTaken(Exception):
    """A customer's column, of a type the loader never writes, has a name that the loader needs."""

    def __str__(self) -> str:
        return (
            f"column {self.args[0]} has a type that the loader never writes, and the loader needs"
            " its name: rename that column, then retry the batch"
        )


@dataclass(frozen=True, slots=True)
class ExistingColumn:
    """``base`` is the field that the catalog says it holds; None if it is not in the catalog.

    ``type_name`` is the name in pg_type, empty for a column that is only planned; ``full_type``
    includes precision and scale.
    """

    name: str
    kind: ColumnKind | None
    base: str | None = None
    type_name: str = ""
    has_default: bool = False
    full_type: str = ""


@dataclass(frozen=True, slots=True)
class ExistingTable:
    """``attributes`` counts dropped columns too, as PostgreSQL does. ``primary_key`` is sorted."""

    columns: Mapping[str, ExistingColumn]
    primary_key: tuple[str, ...] | None
    attributes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredColumns:
    """The columns that a load needs: those for its data, the key and the loader's own.

    The columns of ``key`` become the primary key if the table has to be created.
    """

    data: frozenset[ColumnKey]
    key: Mapping[str, ColumnKind]
    system: Mapping[str, ColumnKind]


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """``base`` is the field that it holds; a system column's base is its own name."""

    name: str
    kind: ColumnKind
    base: str


@dataclass(slots=True)
class TablePlan:
    """``create`` is empty when the table exists. Renames come before additions."""

    create: list[PlannedColumn] = field(default_factory=list)
    primary_key: list[str] = field(default_factory=list)
    # The old name, and the column after the rename.
    renames: list[tuple[str, PlannedColumn]] = field(default_factory=list)
    adds: list[PlannedColumn] = field(default_factory=list)
    # Existing columns that the loader did not create and writes from now on.
    adopted: list[PlannedColumn] = field(default_factory=list)
    column_of: dict[ColumnKey, str] = field(default_factory=dict)

    @property
    def changes_table(self) -> bool:
        return bool(self.create or self.renames or self.adds)


def plan_table(existing: ExistingTable | None, required: RequiredColumns) -> TablePlan:
    """Raises TooManyColumns when PostgreSQL could not hold the table, and ColumnNameTaken."""
    plan = _Planner(existing, required).plan()
    attributes = len(plan.create) or (existing.attributes if existing else 0) + len(plan.adds)
    if attributes > identifiers.COLUMNS_MAX:
        raise TooManyColumns
    return plan


class _Planner:
    """Names the columns of one table, field by field in the order of their names.

    A field ``x`` with values of one kind has a plain column ``x``. When a second kind arrives, the
    plain column is renamed and each kind has a split column: ``x__bi``, ``x__st``.

    Two fields can compete for a name: the field ``st`` of an object ``a`` is called ``a__st``, and
    so is the text column of a split field ``a``. The nested field always gives way, by becoming a
    split column itself (``a__st__bi``): names then do not depend on which of the two came first.
    """

    def __init__(self, existing: ExistingTable | None, required: RequiredColumns) -> None:
        self._existing = existing
        self._required = required
        self._plan = TablePlan()
        # The table's columns after the plan so far, by name.
        self._columns: dict[str, ExistingColumn] = dict(existing.columns) if existing else {}
        # Those of them that the loader writes, by field.
        self._columns_of: dict[str, list[ExistingColumn]] = {}
        for column in self._columns.values():
            if column.base is not None:
                self._columns_of.setdefault(column.base, []).append(column)
        # No column is registered: the table is a customer's own, or its catalog rows were lost.
        self._takes_over = not self._columns_of

    def plan(self) -> TablePlan:
        fixed = {**self._required.system, **self._required.key}
        new = [
            self._add(name, name, kind) for name, kind in fixed.items() if name not in self._columns
        ]
        for base, kinds in _kinds_by_base(self._required.data):
            if base in self._required.key:
                self._plan.column_of[base, self._required.key[base]] = base
            else:
                new.extend(self._plan_field(base, kinds))
        new.sort(key=lambda column: column.name)
        if self._existing is None:
            self._plan.create = new
            self._plan.primary_key = sorted(self._required.key)
        else:
            self._plan.adds = new
        return self._plan

    def _plan_field(self, base: str, kinds: list[ColumnKind]) -> list[PlannedColumn]:
        """The columns to create for one field; those that exist are adopted where necessary."""
        present = self._present(base)
        missing = [kind for kind in kinds if kind not in present]
        new: list[PlannedColumn] = []
        if len(missing) == 1 and not present and base not in self._columns:
            new = [self._add(base, base, missing[0])]
        elif missing:
            self._split_plain_column(base, present)
            present = self._present(base)
            new = [self._add_split_column(base, kind) for kind in missing]
        for kind in kinds:
            if kind in present:
                self._use(present[kind], base, kind)
        for column in new:
            self._plan.column_of[base, column.kind] = column.name
        return new

    def _present(self, base: str) -> dict[ColumnKind, str]:
        """Columns that hold this field already: by the catalog, else by their names."""
        registered = self._columns_of.get(base, ())
        found = {column.kind: column.name for column in registered if column.kind is not None}
        for kind, suffix in SUFFIX_OF.items():
            column = self._columns.get(base + suffix)
            if column is not None and column.kind is kind and column.base is None:
                found.setdefault(kind, column.name)
        plain = self._columns.get(base)
        if plain is not None and plain.kind is not None and plain.base is None:
            found.setdefault(plain.kind, base)
        return found

    def _split_plain_column(self, base: str, present: Mapping[ColumnKind, str]) -> None:
        """Renames the plain column, so that all columns of a split field have suffixes.

        Three plain columns keep their name: one of a type that the loader never writes, one that a
        customer added, and one that holds another field.
        """
        plain = self._columns.get(base)
        if plain is None or base not in present.values() or plain.kind is None:
            return
        if plain.base is None and not self._takes_over:
            return
        split = _split_column(base, plain.kind)
        if self._vacate(split.name):
            self._rename(base, split)

    def _add_split_column(self, base: str, kind: ColumnKind) -> PlannedColumn:
        split = _split_column(base, kind)
        if not self._vacate(split.name):
            raise ColumnNameTaken(split.name)
        return self._add(split.name, base, kind)

    def _vacate(self, name: str) -> bool:
        """Frees a split column's name by renaming the plain column of the nested field that has it.

        The new name may be taken in the same way, so this follows the chain to its end before it
        renames anything. False when the name cannot be freed: its column is a customer's, holds
        another field, or would get too long a name.
        """
        renames: list[tuple[str, PlannedColumn]] = []
        while (column := self._columns.get(name)) is not None:
            if column.base != name or column.kind is None:
                return False
            split = _split_column(name, column.kind)
            if len(split.name) > identifiers.IDENTIFIER_BYTES_MAX:
                return False
            renames.append((name, split))
            name = split.name
        for before, after in reversed(renames):
            self._rename(before, after)
        return True

    def _rename(self, before: str, after: PlannedColumn) -> None:
        self._plan.renames.append((before, after))
        column = ExistingColumn(after.name, after.kind, after.base)
        del self._columns[before]
        self._columns[after.name] = column
        others = [c for c in self._columns_of.get(after.base, ()) if c.name != before]
        self._columns_of[after.base] = [*others, column]

    def _use(self, name: str, base: str, kind: ColumnKind) -> None:
        if self._columns[name].base is None:
            self._plan.adopted.append(PlannedColumn(name, kind, base))
        self._plan.column_of[base, kind] = name

    def _add(self, name: str, base: str, kind: ColumnKind) -> PlannedColumn:
        self._columns[name] = ExistingColumn(name, kind, base)
        return PlannedColumn(name, kind, base)


def _split_column(base: str, kind: ColumnKind) -> PlannedColumn:
    return PlannedColumn(base + SUFFIX_OF[kind], kind, base)


def _kinds_by_base(data: Iterable[ColumnKey]) -> list[tuple[str, list[ColumnKind]]]:
    found: dict[str, list[ColumnKind]] = {}
    for base, kind in sorted(data):
        found.setdefault(base, []).append(kind)
    return list(found.items())
