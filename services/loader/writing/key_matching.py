"""How the keys of records match a table as it is. Pure.

Decides the kinds of the key columns, what happens to rows that exist already, the columns that the
tables need, and which sub-tables can take rows.

Rules: loading behaviour 4.1 and 4.5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from services.loader.parsing.rows import EXTRACTED, TableRows
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKey, ColumnKind
from services.loader.schema.plan import ExistingTable, RequiredColumns

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


class WriteMode(Enum):
    """What happens to a row if its key is in the table already (loading behaviour 4.1)."""

    # The row with the greater sequence stays.
    UPSERT = auto()
    # The key is made from batch and record index, so it is the same row: nothing happens.
    INSERT_IGNORE = auto()
    # The table has no primary key: every row is inserted.
    APPEND = auto()
    # The primary key has other columns: rows that it accepts are inserted, the others rejected.
    APPEND_VALID = auto()


@dataclass(frozen=True, slots=True)
class MatchedKeys:
    """``kinds`` by key column; ``rejected`` has reasons by ordinal, for keys of other kinds."""

    kinds: Mapping[str, ColumnKind]
    rejected: Mapping[int, str]


def match_keys(existing: ExistingTable | None, keys: Sequence[str], root: TableRows) -> MatchedKeys:
    """A key column has the kind that it has in the table, or that of the first record's value."""
    kinds: dict[str, ColumnKind] = {}
    rejected: dict[int, str] = {}
    for key in keys:
        found = {kind: values for (base, kind), values in root.columns.items() if base == key}
        column = existing.columns.get(key) if existing else None
        if column is not None and column.kind is not None:
            kind = column.kind
        elif found:
            kind = min(found, key=lambda kind: _first_row_with_value(found[kind]))
        else:
            kind = ColumnKind.TEXT
        kinds[key] = kind
        values = found.get(kind) or [None] * root.size
        if None in values:
            for i, value in enumerate(values):
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
    """How a key column that a customer altered changes a value: sub-rows refer to the result.

    Text columns need no cast: they store a text unchanged or refuse it.
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
    """Records with values of another kind in a column of the table's key that is not in theirs."""
    kind = existing.columns[name].kind if existing else None
    return {
        ordinal: _key_reason(name, of_other_kind=True)
        for (base, other), values in root.columns.items()
        if base == name and other is not kind
        for ordinal, value in zip(root.record_ordinals, values, strict=True)
        if value is not None
    }


def _first_row_with_value(values: Sequence[object]) -> int:
    return next(i for i, value in enumerate(values) if value is not None)


def _key_reason(key: str, *, of_other_kind: bool) -> str:
    if of_other_kind:
        return f"Primary Key {key} contains multiple data types"
    return f"unsupported value on {key}"


def write_mode_for(existing: ExistingTable | None, keys: Sequence[str]) -> WriteMode:
    primary_key = tuple(sorted(keys)) or (identifiers.SURROGATE_KEY,)
    if existing is None or existing.primary_key == primary_key:
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
        # Columns of the table's key are never split, whichever keys the records have.
        kind = existing.columns[name].kind if existing else None
        if kind is not None:
            key.setdefault(name, kind)
    return RequiredColumns(data=frozenset(root.columns), key=key, system=system)


def needs_surrogate_key(existing: ExistingTable | None, kinds: Mapping[str, ColumnKind]) -> bool:
    """For records without keys, because sub-rows refer to it; also if a customer dropped it."""
    if kinds:
        return False
    return existing is None or (
        existing.primary_key is None and identifiers.SURROGATE_KEY not in existing.columns
    )


def required_sub_table_columns(kinds: Mapping[str, ColumnKind], rows: TableRows) -> RequiredColumns:
    sources = kinds or {identifiers.SURROGATE_KEY: ColumnKind.TEXT}
    key = {identifiers.source_key_column(name): kind for name, kind in sources.items()}
    for level in range(rows.levels):
        key[identifiers.level_column(level)] = ColumnKind.BIGINT
    return RequiredColumns(data=frozenset(rows.columns), key=key, system=dict(_SYSTEM))


def has_other_source_keys(existing: ExistingTable | None, required: RequiredColumns) -> bool:
    """Whether the sub-table exists and its rows refer to their root rows by another key."""
    if existing is None:
        return False
    source_keys = {
        name: kind for name, kind in required.key.items() if name.startswith(SOURCE_KEY_PREFIX)
    }
    return source_keys != source_key_kinds(existing)


def source_key_kinds(existing: ExistingTable) -> dict[str, ColumnKind | None]:
    return {
        name: column.kind
        for name, column in existing.columns.items()
        if name.startswith(SOURCE_KEY_PREFIX)
    }


def levels_of(existing: ExistingTable) -> int:
    return sum(1 for name in existing.columns if name.startswith(LEVEL_PREFIX))


def levels_mismatch(name: str) -> str:
    """The reason for records with another number of levels than the sub-table ``name``."""
    return f"Array levels of {name} do not match those it was made with"
