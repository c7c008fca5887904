"""How records with certain keys fit a table as it is. Pure.

Which kinds the keys have, what happens to rows that are there, which sub-tables can take rows.

Rules: loading behaviour 4.1 and 4.5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.loader.parsing.rows import EXTRACTED, ColumnKey, TableRows
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKind
from services.loader.schema.plan import ExistingTable, RequiredColumns
from services.loader.writing.upsert import WriteMode

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
    identifiers.BATCHED_AT: ColumnKind.TIMESTAMP,
    identifiers.RECEIVED_AT: ColumnKind.TIMESTAMP,
    identifiers.SEQUENCE: ColumnKind.BIGINT,
    identifiers.TABLE_VERSION: ColumnKind.BIGINT,
}

SOURCE_KEY_PREFIX = "_sdc_source_key_"
LEVEL_PREFIX = "_sdc_level_"

KEYS_DO_NOT_MATCH = "Primary Keys for table do not match Primary Keys of incoming data"


@dataclass(frozen=True, slots=True)
class MatchedKeys:
    """``kinds`` by key column; ``rejected`` the records whose key is of another kind."""

    kinds: Mapping[str, ColumnKind]
    rejected: Mapping[int, str]


def match_keys(existing: ExistingTable | None, keys: Sequence[str], root: TableRows) -> MatchedKeys:
    """The kind of a key column is the table's, or that of the first record that ever came."""
    kinds: dict[str, ColumnKind] = {}
    rejected: dict[int, str] = {}
    for key in keys:
        found = {kind: cells for (base, kind), cells in root.columns.items() if base == key}
        column = existing.columns.get(key) if existing else None
        if column is not None and column.kind is not None:
            kind = column.kind
        elif found:
            kind = min(found, key=lambda kind: _first_row_with_value(found[kind]))
        else:
            kind = ColumnKind.TEXT
        kinds[key] = kind
        cells = found.get(kind) or [None] * root.size
        if None in cells:
            for i, value in enumerate(cells):
                if value is None:
                    others = any(other[i] is not None for other in found.values())
                    rejected.setdefault(
                        root.record_ordinals[i], _key_reason(key, of_other_kind=others)
                    )
    for name in (existing and existing.primary_key) or ():
        if name not in kinds:
            rejected.update(_values_of_other_kinds(existing, name, root))
    return MatchedKeys(kinds, rejected)


def key_casts(
    existing: ExistingTable | None, kinds: Mapping[str, ColumnKind]
) -> dict[ColumnKey, str]:
    """What a key column that somebody altered makes of a value: its sub-rows are found by that.

    A text is refused or kept as it is, never made another.
    """
    columns = existing.columns if existing else {}
    return {
        (name, kind): f"::{columns[name].full_type}"
        for name, kind in kinds.items()
        if kind is not ColumnKind.TEXT
        and name in columns
        and columns[name].kind is kind
        and columns[name].full_type != kind.value
    }


def _values_of_other_kinds(
    existing: ExistingTable | None, name: str, root: TableRows
) -> dict[int, str]:
    """Records whose value for a key column of the table, no key of theirs, is of another kind."""
    kind = existing.columns[name].kind if existing else None
    return {
        ordinal: _key_reason(name, of_other_kind=True)
        for (base, other), cells in root.columns.items()
        if base == name and other is not kind
        for ordinal, value in zip(root.record_ordinals, cells, strict=True)
        if value is not None
    }


def _first_row_with_value(cells: Sequence[object]) -> int:
    return next(i for i, value in enumerate(cells) if value is not None)


def _key_reason(key: str, *, of_other_kind: bool) -> str:
    if of_other_kind:
        return f"Primary Key {key} contains multiple data types"
    return f"unsupported value on {key}"


def write_mode_for(existing: ExistingTable | None, keys: Sequence[str]) -> WriteMode:
    wanted = tuple(sorted(keys)) or (identifiers.SURROGATE_KEY,)
    if existing is None or existing.primary_key == wanted:
        return WriteMode.UPSERT if keys else WriteMode.INSERT_IGNORE
    if existing.primary_key is None:
        return WriteMode.APPEND
    if existing.primary_key == (identifiers.SURROGATE_KEY,):
        return WriteMode.INSERT_IGNORE
    return WriteMode.APPEND_VALID


def required_root_columns(
    existing: ExistingTable | None, kinds: Mapping[str, ColumnKind], root: TableRows
) -> RequiredColumns:
    system = dict(_SYSTEM)
    if any(root.fixed[EXTRACTED]):
        system[identifiers.EXTRACTED_AT] = ColumnKind.TIMESTAMP
    key = dict(kinds)
    if needs_surrogate_key(existing, kinds):
        (system if existing else key)[identifiers.SURROGATE_KEY] = ColumnKind.TEXT
    for name in (existing and existing.primary_key) or ():
        # Columns of a key never split, whichever keys the records come with.
        kind = existing.columns[name].kind if existing else None
        if kind is not None:
            key.setdefault(name, kind)
    return RequiredColumns(data=frozenset(root.columns), key=key, system=system)


def needs_surrogate_key(existing: ExistingTable | None, kinds: Mapping[str, ColumnKind]) -> bool:
    """For records without keys, also where a customer dropped it: sub-rows are found by it."""
    if kinds:
        return False
    return existing is None or (
        existing.primary_key is None and identifiers.SURROGATE_KEY not in existing.columns
    )


def required_sub_table_columns(
    kinds: Mapping[str, ColumnKind], child: TableRows
) -> RequiredColumns:
    sources = kinds or {identifiers.SURROGATE_KEY: ColumnKind.TEXT}
    key = {identifiers.source_key_column(name): kind for name, kind in sources.items()}
    for level in range(child.levels):
        key[identifiers.level_column(level)] = ColumnKind.BIGINT
    return RequiredColumns(data=frozenset(child.columns), key=key, system=dict(_SYSTEM))


def sub_table_mismatch(existing: ExistingTable | None, wanted: RequiredColumns) -> str | None:
    """Why a sub-table can't take rows with these source keys; None when it can."""
    if existing is None:
        return None
    standing = source_key_kinds(existing)
    sources = {name: kind for name, kind in wanted.key.items() if name in standing}
    expected = {name for name in wanted.key if name.startswith(SOURCE_KEY_PREFIX)}
    return None if standing == sources and expected == set(standing) else KEYS_DO_NOT_MATCH


def source_key_kinds(existing: ExistingTable) -> dict[str, ColumnKind | None]:
    return {
        name: column.kind
        for name, column in existing.columns.items()
        if name.startswith(SOURCE_KEY_PREFIX)
    }


def levels_of(existing: ExistingTable) -> int:
    return sum(1 for name in existing.columns if name.startswith(LEVEL_PREFIX))


def levels_mismatch(name: str) -> str:
    return f"Array levels of {name} do not match those it was made with"
