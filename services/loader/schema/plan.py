"""From a table as it is and the columns a load brings to the DDL and the columns' names. Pure.

Rules: loading behaviour 2.2 to 2.4. What comes out does not depend on the order of what goes in,
and planning again after the plan was carried out asks for nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.loader.parsing.rows import ColumnKey
from services.loader.schema import identifiers
from services.loader.schema.column_types import SUFFIX_OF, ColumnKind

TOO_MANY_COLUMNS = "ERROR: too many columns"


class TooManyColumns(Exception):
    """The table would have more columns than PostgreSQL allows, dropped ones counted."""

    def __str__(self) -> str:
        return TOO_MANY_COLUMNS


class ColumnNameTaken(Exception):
    """A column that is not the loader's, and of no type it writes, has a name it needs."""

    def __str__(self) -> str:
        return (
            f"column {self.args[0]} is of a type that the loader never writes, and the loader needs"
            " its name: rename that column, then send the batch again"
        )


@dataclass(frozen=True, slots=True)
class ExistingColumn:
    """``base`` is what the loader's books say the column holds; None: it is not in them.

    ``type_name`` is that of pg_type; empty for a column that is only planned. ``fills_itself``: by
    a default or an identity. ``full_type`` is with precision and scale.
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
    """``key`` are the primary key's columns if the table has to be made; ``system`` ours."""

    data: frozenset[ColumnKey]
    key: Mapping[str, ColumnKind]
    system: Mapping[str, ColumnKind]


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    name: str
    kind: ColumnKind
    # What the column holds; system columns hold themselves.
    base: str


@dataclass(slots=True)
class TablePlan:
    """``create`` is empty when the table is there. Renames come before additions."""

    create: list[PlannedColumn] = field(default_factory=list)
    primary_key: list[str] = field(default_factory=list)
    # The name before, and the column as it is afterwards.
    renames: list[tuple[str, PlannedColumn]] = field(default_factory=list)
    adds: list[PlannedColumn] = field(default_factory=list)
    # Adopted columns: there already, now ours as well.
    adopted: list[PlannedColumn] = field(default_factory=list)
    column_of: dict[ColumnKey, str] = field(default_factory=dict)

    @property
    def changes_table(self) -> bool:
        return bool(self.create or self.renames or self.adds)


def plan_table(existing: ExistingTable | None, wanted: RequiredColumns) -> TablePlan:
    """Raises TooManyColumns when PostgreSQL could not hold the table."""
    plan = _Planner(existing, wanted).plan()
    attributes = len(plan.create) or (existing.attributes if existing else 0) + len(plan.adds)
    if attributes > identifiers.COLUMNS_MAX:
        raise TooManyColumns
    return plan


class _Planner:
    def __init__(self, existing: ExistingTable | None, wanted: RequiredColumns) -> None:
        self._existing = existing
        self._wanted = wanted
        self._plan = TablePlan()
        # Names in use as the plan goes, and what each stands for (None: not ours).
        self._taken: dict[str, ExistingColumn] = dict(existing.columns) if existing else {}
        self._booked: dict[str, list[ExistingColumn]] = {}
        for column in self._taken.values():
            if column.base is not None:
                self._booked.setdefault(column.base, []).append(column)
        # A table that was somebody else's, or whose books were lost: no column of it is ours yet.
        self._takes_over = not self._booked

    def plan(self) -> TablePlan:
        fixed = {**self._wanted.system, **self._wanted.key}
        new = [
            PlannedColumn(name, kind, name)
            for name, kind in fixed.items()
            if name not in self._taken
        ]
        for column in new:
            self._taken[column.name] = ExistingColumn(column.name, column.kind, column.name)
        for base, kinds in _by_base(self._wanted.data):
            if base in self._wanted.key:
                self._plan.column_of[base, self._wanted.key[base]] = base
            else:
                new.extend(self._columns_for(base, kinds))
        new.sort(key=lambda column: column.name)
        if self._existing is None:
            self._plan.create = new
            self._plan.primary_key = sorted(self._wanted.key)
        else:
            self._plan.adds = new
        return self._plan

    def _columns_for(self, base: str, kinds: list[ColumnKind]) -> list[PlannedColumn]:
        present = self._present(base)
        missing = [kind for kind in kinds if kind not in present]
        for kind in kinds:
            if kind in present:
                self._plan.column_of[base, kind] = self._adopt(present[kind], base, kind)
        if not missing:
            return []
        if len(missing) == 1 and not present and base not in self._taken:
            return [self._new(base, base, missing[0])]
        self._make_room(base, present)
        return [self._new(base + SUFFIX_OF[kind], base, kind) for kind in missing]

    def _present(self, base: str) -> dict[ColumnKind, str]:
        """Columns that hold this base already: ours by the books, else by their names."""
        booked = self._booked.get(base, ())
        found = {column.kind: column.name for column in booked if column.kind is not None}
        for kind, suffix in SUFFIX_OF.items():
            column = self._taken.get(base + suffix)
            if column is not None and column.kind is kind and column.base is None:
                found.setdefault(kind, column.name)
        plain = self._taken.get(base)
        if plain is not None and plain.kind is not None and plain.base is None:
            found.setdefault(plain.kind, base)
        return found

    def _make_room(self, base: str, present: dict[ColumnKind, str]) -> None:
        """The first conflict renames the plain column, so that all siblings carry suffixes.

        A column whose type is none of ours stays as it is, and one that a customer added; so does
        one that belongs to another base (``a__st`` of the object ``a`` and of the split ``a``).
        """
        plain = self._taken.get(base)
        if plain is None or base not in present.values() or plain.kind is None:
            return
        if plain.base is None and not self._takes_over:
            return
        name = base + SUFFIX_OF[plain.kind]
        if not self._free(name):
            return
        self._rename(base, PlannedColumn(name, plain.kind, base))
        for key, column in self._plan.column_of.items():
            if column == base and key[0] == base:
                self._plan.column_of[key] = name

    def _free(self, name: str) -> bool:
        """Whether a suffixed name can be had.

        The field ``st`` of an object ``a`` is called ``a__st`` as the split of a field ``a`` is.
        It gives way, whichever came first, so that the names do not depend on the order.
        """
        column = self._taken.get(name)
        if column is None:
            return True
        if column.base != name or column.kind is None:
            return False
        after = PlannedColumn(name + SUFFIX_OF[column.kind], column.kind, name)
        if len(after.name) > identifiers.IDENTIFIER_BYTES_MAX or not self._free(after.name):
            return False
        self._rename(name, after)
        return True

    def _rename(self, before: str, after: PlannedColumn) -> None:
        self._plan.renames.append((before, after))
        column = ExistingColumn(after.name, after.kind, after.base)
        del self._taken[before]
        self._taken[after.name] = column
        others = [c for c in self._booked.get(after.base, ()) if c.name != before]
        self._booked[after.base] = [*others, column]

    def _adopt(self, name: str, base: str, kind: ColumnKind) -> str:
        if self._taken[name].base is None:
            self._plan.adopted.append(PlannedColumn(name, kind, base))
        return name

    def _new(self, name: str, base: str, kind: ColumnKind) -> PlannedColumn:
        if not self._free(name):
            # A customer's column of another type has the name that ours should have.
            raise ColumnNameTaken(name)
        self._taken[name] = ExistingColumn(name, kind, base)
        self._plan.column_of[base, kind] = name
        return PlannedColumn(name, kind, base)


def _by_base(cells: Iterable[ColumnKey]) -> list[tuple[str, list[ColumnKind]]]:
    found: dict[str, list[ColumnKind]] = {}
    for base, kind in sorted(cells):
        found.setdefault(base, []).append(kind)
    return list(found.items())
