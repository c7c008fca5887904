"""How records with certain keys fit a table as it is. Pure.

Which kinds the keys have, what happens to rows that are there, which sub-tables can take rows.

Rules: loading behaviour 4.1 and 4.5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.loader.parsing.rows import EXTRACTED, CellKey, Rows
from services.loader.schema import identifiers
from services.loader.schema.column_types import Kind
from services.loader.schema.plan import ExistingTable, Wanted
from services.loader.writing.upsert import Behaviour

SYSTEM_COLUMNS = frozenset(
    {
        identifiers.BATCHED_AT,
        identifiers.RECEIVED_AT,
        identifiers.SEQUENCE,
        identifiers.TABLE_VERSION,
        identifiers.EXTRACTED_AT,
        identifiers.SURROGATE_KEY,
    }
)
_SYSTEM = {
    identifiers.BATCHED_AT: Kind.TIMESTAMP,
    identifiers.RECEIVED_AT: Kind.TIMESTAMP,
    identifiers.SEQUENCE: Kind.BIGINT,
    identifiers.TABLE_VERSION: Kind.BIGINT,
}

SOURCE_KEY_PREFIX = "_sdc_source_key_"
LEVEL_PREFIX = "_sdc_level_"

KEYS_DO_NOT_MATCH = "Primary Keys for table do not match Primary Keys of incoming data"


@dataclass(frozen=True, slots=True)
class Keys:
    """``kinds`` by key column; ``rejected`` the records whose key is of another kind."""

    kinds: Mapping[str, Kind]
    rejected: Mapping[int, str]


def fit_keys(existing: ExistingTable | None, keys: Sequence[str], root: Rows) -> Keys:
    """The kind of a key column is the table's, or that of the first record that ever came."""
    kinds: dict[str, Kind] = {}
    rejected: dict[int, str] = {}
    for key in keys:
        found = {kind: cells for (base, kind), cells in root.cells.items() if base == key}
        column = existing.columns.get(key) if existing else None
        if column is not None and column.kind is not None:
            kind = column.kind
        elif found:
            kind = min(found, key=lambda kind: _first_place(found[kind]))
        else:
            kind = Kind.TEXT
        kinds[key] = kind
        cells = found.get(kind) or [None] * root.size
        if None in cells:
            for i, value in enumerate(cells):
                if value is None:
                    others = any(other[i] is not None for other in found.values())
                    rejected.setdefault(root.owner[i], _key_reason(key, of_other_kind=others))
    for name in (existing and existing.primary_key) or ():
        if name not in kinds:
            rejected.update(_misfits(existing, name, root))
    return Keys(kinds, rejected)


def key_casts(existing: ExistingTable | None, kinds: Mapping[str, Kind]) -> dict[CellKey, str]:
    """What a key column that somebody altered makes of a value: its sub-rows are found by that.

    A text is refused or kept as it is, never made another.
    """
    columns = existing.columns if existing else {}
    return {
        (name, kind): f"::{columns[name].full_type}"
        for name, kind in kinds.items()
        if kind is not Kind.TEXT
        and name in columns
        and columns[name].kind is kind
        and columns[name].full_type != kind.value
    }


def _misfits(existing: ExistingTable | None, name: str, root: Rows) -> dict[int, str]:
    """Records whose value for a key column of the table, no key of theirs, is of another kind."""
    kind = existing.columns[name].kind if existing else None
    return {
        ordinal: _key_reason(name, of_other_kind=True)
        for (base, other), cells in root.cells.items()
        if base == name and other is not kind
        for ordinal, value in zip(root.owner, cells, strict=True)
        if value is not None
    }


def _first_place(cells: Sequence[object]) -> int:
    return next(i for i, value in enumerate(cells) if value is not None)


def _key_reason(key: str, *, of_other_kind: bool) -> str:
    if of_other_kind:
        return f"Primary Key {key} contains multiple data types"
    return f"unsupported value on {key}"


def behaviour_for(existing: ExistingTable | None, keys: Sequence[str]) -> Behaviour:
    wanted = tuple(sorted(keys)) or (identifiers.SURROGATE_KEY,)
    if existing is None or existing.primary_key == wanted:
        return Behaviour.REPLACE if keys else Behaviour.ONCE
    if existing.primary_key is None:
        return Behaviour.APPEND
    if existing.primary_key == (identifiers.SURROGATE_KEY,):
        return Behaviour.ONCE
    return Behaviour.APPEND_WHAT_FITS


def wanted_root(existing: ExistingTable | None, kinds: Mapping[str, Kind], root: Rows) -> Wanted:
    system = dict(_SYSTEM)
    if any(root.fixed[EXTRACTED]):
        system[identifiers.EXTRACTED_AT] = Kind.TIMESTAMP
    key = dict(kinds)
    if makes_surrogate(existing, kinds):
        (system if existing else key)[identifiers.SURROGATE_KEY] = Kind.TEXT
    for name in (existing and existing.primary_key) or ():
        # Columns of a key never split, whichever keys the records come with.
        kind = existing.columns[name].kind if existing else None
        if kind is not None:
            key.setdefault(name, kind)
    return Wanted(cells=frozenset(root.cells), key=key, system=system)


def makes_surrogate(existing: ExistingTable | None, kinds: Mapping[str, Kind]) -> bool:
    """For records without keys, also where a customer dropped it: sub-rows are found by it."""
    if kinds:
        return False
    return existing is None or (
        existing.primary_key is None and identifiers.SURROGATE_KEY not in existing.columns
    )


def wanted_child(kinds: Mapping[str, Kind], child: Rows) -> Wanted:
    sources = kinds or {identifiers.SURROGATE_KEY: Kind.TEXT}
    key = {identifiers.source_key_column(name): kind for name, kind in sources.items()}
    for level in range(child.levels):
        key[identifiers.level_column(level)] = Kind.BIGINT
    return Wanted(cells=frozenset(child.cells), key=key, system=dict(_SYSTEM))


def child_misfit(existing: ExistingTable | None, wanted: Wanted) -> str | None:
    """Why a sub-table can't take rows with these source keys; None when it can."""
    if existing is None:
        return None
    standing = source_kinds(existing)
    sources = {name: kind for name, kind in wanted.key.items() if name in standing}
    expected = {name for name in wanted.key if name.startswith(SOURCE_KEY_PREFIX)}
    return None if standing == sources and expected == set(standing) else KEYS_DO_NOT_MATCH


def source_kinds(existing: ExistingTable) -> dict[str, Kind | None]:
    return {
        name: column.kind
        for name, column in existing.columns.items()
        if name.startswith(SOURCE_KEY_PREFIX)
    }


def levels_of(existing: ExistingTable) -> int:
    return sum(1 for name in existing.columns if name.startswith(LEVEL_PREFIX))


def levels_reason(name: str) -> str:
    return f"Array levels of {name} do not match those it was made with"
