"""Records into columns: objects become more columns, arrays become sub-tables. Pure.

Rules: loading behaviour 2.5 and 3. The work is done a column at a time, so that what runs once
for each value is compiled code; a null counts as an absent field everywhere.
"""

import contextlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, repeat
from operator import attrgetter, itemgetter
from typing import Any

from protocol.exact_values import ExactDecimal, Tagged, Timestamp
from services.loader.parsing import conversion
from services.loader.parsing.rows import LEVEL, ROOT, FlattenedRecords, TableRows
from services.loader.parsing.type_rules import TypeRule
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKind

# Different places (columns, objects, arrays) that one piece of a load may have; beyond it the
# table could not hold the columns anyway, and every place costs a pass over the records.
FIELDS_MAX = 2 * identifiers.COLUMNS_MAX

_NONE = type(None)
_CONTAINERS = {dict, list}
_NUMBERS: dict[type, Callable[[TypeRule], ColumnKind]] = {
    int: attrgetter("integer"),
    float: attrgetter("number"),
    Decimal: attrgetter("decimal"),
    ExactDecimal: lambda _: ColumnKind.NUMERIC,
}
_NOTHING: dict[str, Any] = {}

Values = list[Any]


class TooManyColumns(Exception):
    """More places than a table can have columns."""


def flatten(
    records: Sequence[dict[str, Any]],
    fixed: dict[str, list[Any]],
    rule: TypeRule,
    *,
    table: str,
    source_keys: Sequence[str] = (),
    field_name: identifiers.FieldNaming = identifiers.field_name,
) -> FlattenedRecords:
    """Columns of ``records``; ``fixed`` are the root's own columns, ``_ordinal`` among them.

    ``table`` is the canonical root name and ``source_keys`` the canonical key names: they say
    which sub-tables would have names that PostgreSQL cuts. Raises TooManyColumns.
    """
    load = FlattenedRecords(TableRows("", 0, fixed, len(records)))
    _Flattener(load, table, source_keys, field_name).fields(load.root, "", records, rule)
    return load


class _Flattener:
    def __init__(
        self,
        load: FlattenedRecords,
        table: str,
        source_keys: Sequence[str],
        field_name: identifiers.FieldNaming,
    ) -> None:
        self._load = load
        self._field_name = field_name
        self._table = table
        self._source_key_problem = next(
            (
                identifiers.too_long_column(column)
                for column in map(identifiers.source_key_column, source_keys)
                if len(column) > identifiers.IDENTIFIER_BYTES_MAX
            ),
            None,
        )
        self._places = 0

    def fields(
        self, rows: TableRows, prefix: str, records: Sequence[dict[str, Any]], rule: TypeRule
    ) -> None:
        """The fields of objects, one object (or an empty one) for each row."""
        for raw, column in self._columns(records):
            types = set(map(type, column))
            types.discard(_NONE)
            if not types:
                continue
            name = self._field_name(raw)
            if name.problem is not None:
                self._reject_where_present(rows, column, name.problem)
                continue
            self._column(
                rows, identifiers.join_names(prefix, name.text), column, types, rule.field(raw)
            )

    def _columns(self, records: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Values]]:
        """Fields with their values; sorted, so that of several reasons always the same is told."""
        apart = _columns_of_uniform_records(records)
        if apart is not None:
            if self._places + len(apart) > FIELDS_MAX:
                apart = {key: column for key, column in apart.items() if _holds_value(column)}
            self._count_places(len(apart))
            for key in sorted(apart):
                yield key, list(apart[key])
            return
        keys: set[str] = set().union(*records)
        if self._places + len(keys) > FIELDS_MAX:
            keys = {key for record in records for key, value in record.items() if value is not None}
        self._count_places(len(keys))
        for key in sorted(keys):
            yield key, [record.get(key) for record in records]

    def _count_places(self, more: int) -> None:
        self._places += more
        if self._places > FIELDS_MAX:
            raise TooManyColumns

    def _column(
        self, rows: TableRows, name: str, column: Values, types: set[type], rule: TypeRule
    ) -> None:
        if dict in types:
            objects = [value if type(value) is dict else _NOTHING for value in column]
            self.fields(rows, name, objects, rule)
        if list in types:
            self._array(rows, name, column, rule.elements())
        scalars = types - _CONTAINERS
        if scalars:
            self._scalars(rows, name, column, scalars, rule, pure=scalars == types)

    # --- arrays ---

    def _array(self, rows: TableRows, name: str, column: Values, rule: TypeRule) -> None:
        holders = [i for i, value in enumerate(column) if type(value) is list and value]
        if not holders:
            return
        path = identifiers.join_names(rows.path, name)
        sizes = [len(column[i]) for i in holders]
        child = self._child(rows, path, holders, sizes)
        problem = self._sub_table_problem(path)
        if problem is not None:
            self._load.omissions.setdefault((path, problem), child.record_ordinals[0])
            return
        elements = list(chain.from_iterable([column[i] for i in holders]))
        types = set(map(type, elements))
        types.discard(_NONE)
        if dict in types:
            objects = [value if type(value) is dict else _NOTHING for value in elements]
            self.fields(child, "", objects, rule)
            types.discard(dict)
            elements = [None if type(value) is dict else value for value in elements]
        if types:
            self._column(child, identifiers.ELEMENT, elements, types, rule)
        self._put_child(child)

    def _child(self, rows: TableRows, path: str, holders: list[int], sizes: list[int]) -> TableRows:
        parents = list(chain.from_iterable(map(repeat, holders, sizes)))
        owner = rows.record_ordinals
        fixed: dict[str, list[Any]] = {ROOT: [owner[i] for i in parents]}
        for level in range(rows.levels):
            outer = rows.fixed[f"{LEVEL}{level}"]
            fixed[f"{LEVEL}{level}"] = [outer[i] for i in parents]
        fixed[f"{LEVEL}{rows.levels}"] = list(chain.from_iterable(map(range, sizes)))
        return TableRows(path, rows.levels + 1, fixed, len(parents))

    def _sub_table_problem(self, path: str) -> str | None:
        name = identifiers.join_names(self._table, path)
        if len(name) > identifiers.IDENTIFIER_BYTES_MAX:
            return identifiers.too_long_table(name)
        return self._source_key_problem

    def _put_child(self, child: TableRows) -> None:
        present = self._load.sub_tables.setdefault((child.path, child.levels), child)
        if present is child:
            return
        # Two fields that became one name: a record that has both can't be told apart.
        name = identifiers.join_names(self._table, child.path)
        for ordinal, *_ in set(_holders(present)).intersection(_holders(child)):
            self._reject(ordinal, f"Field collision on {name}")
        present.extend(child)

    # --- scalars ---

    def _scalars(
        self,
        rows: TableRows,
        name: str,
        column: Values,
        types: set[type],
        rule: TypeRule,
        *,
        pure: bool,
    ) -> None:
        """``types`` are the scalar ones found; ``column`` may hold objects and arrays beside."""
        if len(name) > identifiers.COLUMN_NAME_MAX:
            holder = next(i for i, value in enumerate(column) if type(value) in types)
            note = rows.path, identifiers.too_long_column(name)
            self._load.omissions.setdefault(note, rows.record_ordinals[holder])
            return
        problem = identifiers.column_problem(name)
        if problem is not None:
            self._reject_where_present(rows, column, problem, types)
            return
        if Tagged in types:
            self._reject_where_present(rows, column, f"unsupported value on {name}", {Tagged})
            types = types - {Tagged}
            pure = False
        typed = self._typed(rows, column, types, rule, pure=pure and len(types) == 1)
        # No text of the column may have been taken: there is nothing then that could collide.
        if typed and any(existing == name for existing, _ in rows.columns):
            self._collide(rows, name, typed)
        for kind, cells in typed.items():
            rows.columns[name, kind] = _coalesce(rows.columns.get((name, kind)), cells)

    def _collide(self, rows: TableRows, name: str, typed: dict[ColumnKind, Values]) -> None:
        """Two spellings of one column: a record that carries both is rejected."""
        before = [cells for (existing, _), cells in rows.columns.items() if existing == name]
        for ordinal, old, new in zip(
            rows.record_ordinals,
            zip(*before, strict=True),
            zip(*typed.values(), strict=True),
            strict=True,
        ):
            if _holds_value(old) and _holds_value(new):
                self._reject(ordinal, f"Field collision on {name}")

    def _typed(
        self, rows: TableRows, column: Values, types: set[type], rule: TypeRule, *, pure: bool
    ) -> dict[ColumnKind, Values]:
        typed: dict[ColumnKind, Values] = {}
        # Sorted, so that the order of kinds never depends on hashing.
        for value_type in sorted(types, key=lambda found: found.__name__):
            mine = column if pure else [v if type(v) is value_type else None for v in column]
            for one_rule, part in _by_alternative(mine, rule):
                for kind, cells in self._of_one_type(rows, part, value_type, one_rule).items():
                    typed[kind] = _coalesce(typed.get(kind), cells)
        return typed

    def _of_one_type(
        self, rows: TableRows, column: Values, value_type: type, rule: TypeRule
    ) -> dict[ColumnKind, Values]:
        """``column`` holds values of this type and None."""
        if value_type is bool:
            return {rule.boolean: column}
        if value_type is str:
            return self._texts(rows, column, rule.texts)
        if value_type is Timestamp:
            return {ColumnKind.TIMESTAMP: self._converted(rows, column, conversion.timestamp)}
        kind = _NUMBERS[value_type](rule)
        if value_type is int and kind is not ColumnKind.NUMERIC and _all_fit(column):
            return {kind: column}
        if value_type is float and kind is ColumnKind.DOUBLE:
            return {kind: column}
        return {kind: self._converted(rows, column, conversion.conversion(value_type, kind))}

    def _converted(self, rows: TableRows, column: Values, convert: conversion.Convert) -> Values:
        try:
            return [None if value is None else convert(value) for value in column]
        except conversion.OutOfRange:
            return [
                None if value is None else self._convert_or_reject(owner, value, convert)
                for owner, value in zip(rows.record_ordinals, column, strict=True)
            ]

    def _convert_or_reject(self, owner: int, value: Any, convert: conversion.Convert) -> Any:
        try:
            return convert(value)
        except conversion.OutOfRange as error:
            self._reject(owner, str(error))
            return None

    def _texts(
        self, rows: TableRows, column: Values, choices: tuple[ColumnKind, ...]
    ) -> dict[ColumnKind, Values]:
        if choices == (ColumnKind.TEXT,):
            return {ColumnKind.TEXT: _without_nul(column)}
        texts = [text for text in column if text is not None]
        if choices[0] is ColumnKind.TIMESTAMP and conversion.are_ordinary_date_times(texts):
            return {ColumnKind.TIMESTAMP: column}
        typed: dict[ColumnKind, Values] = {kind: [None] * len(column) for kind in choices}
        for i, text in enumerate(column):
            if text is None:
                continue
            try:
                kind, found = conversion.text_kind(text, choices)
            except conversion.OutOfRange as error:
                self._reject(rows.record_ordinals[i], str(error))
            else:
                typed[kind][i] = found
        return {kind: cells for kind, cells in typed.items() if _holds_value(cells)}

    # --- rejects ---

    def _reject(self, ordinal: int, reason: str) -> None:
        self._load.rejected.setdefault(ordinal, reason)

    def _reject_where_present(
        self, rows: TableRows, column: Values, reason: str, types: set[type] | None = None
    ) -> None:
        for owner, value in zip(rows.record_ordinals, column, strict=True):
            if value is not None and (types is None or type(value) in types):
                self._reject(owner, reason)


def _columns_of_uniform_records(
    records: Sequence[dict[str, Any]],
) -> dict[str, tuple[Any, ...]] | None:
    """Columns by field when all records have the same fields, as most have: one compiled pass."""
    fields = list(records[0]) if records else []
    # itemgetter gives bare values, not tuples, for a single field.
    if len(fields) > 1 and set(map(len, records)) == {len(fields)}:
        with contextlib.suppress(KeyError):
            columns = zip(*map(itemgetter(*fields), records), strict=True)
            return dict(zip(fields, columns, strict=True))
    return None


def _by_alternative(column: Values, rule: TypeRule) -> list[tuple[TypeRule, Values]]:
    """The values that each alternative takes, and last those that none does."""
    if not rule.alternatives:
        return [(rule, column)]
    rules = [*(each.rule for each in rule.alternatives), rule]
    parts: list[Values] = [[None] * len(column) for _ in rules]
    for i, value in enumerate(column):
        if value is not None:
            taking = (n for n, each in enumerate(rule.alternatives) if each.accepts(value))
            parts[next(taking, -1)][i] = value
    return [(one, part) for one, part in zip(rules, parts, strict=True) if _holds_value(part)]


def _coalesce(one: Values | None, other: Values) -> Values:
    """Two columns of which at most one has a value in any row."""
    if one is None:
        return other
    return [a if a is not None else b for a, b in zip(one, other, strict=True)]


def _holders(child: TableRows) -> Iterator[tuple[int, ...]]:
    """For each row the record and the elements around the array that it is an element of."""
    outer = [child.fixed[f"{LEVEL}{level}"] for level in range(child.levels - 1)]
    return zip(child.record_ordinals, *outer, strict=True)


def _holds_value(cells: Sequence[Any]) -> bool:
    return any(cell is not None for cell in cells)


def _without_nul(column: Values) -> Values:
    """PostgreSQL's text cannot hold U+0000: the character is dropped (OP-30)."""
    # One long text is searched far faster than many short ones.
    if "\0" not in "".join(filter(None, column)):
        return column
    return [text and text.replace("\0", "") for text in column]


def _all_fit(column: Values) -> bool:
    """Whether all integers are of 64 bits; null and zero, which filter drops, are."""
    try:
        array("q", filter(None, column))
    except OverflowError:
        return False
    return True
