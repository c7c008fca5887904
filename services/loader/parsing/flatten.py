"""Flattens records: objects become more columns, arrays become sub-tables. Pure.

Rules: loading behaviour 2.5 and 3. The work is done a column at a time, so that whatever runs for
each value is compiled code. A null counts as an absent field everywhere.
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
from services.loader.schema.plan import TooManyColumns

# Different fields, objects and arrays included, in one chunk of records. With more than this the
# table could not hold the columns anyway, and every field costs a pass over the records.
FIELDS_MAX = 2 * identifiers.COLUMNS_MAX

_NONE = type(None)
_CONTAINERS = {dict, list}
# Containers are flattened, and tagged values of transit are rejected.
_NOT_CONVERTED = {*_CONTAINERS, Tagged}
_NUMBERS: dict[type, Callable[[TypeRule], ColumnKind]] = {
    int: attrgetter("integer"),
    float: attrgetter("number"),
    Decimal: attrgetter("decimal"),
    ExactDecimal: lambda _: ColumnKind.NUMERIC,
}
_EMPTY: dict[str, Any] = {}

# One value, or None, for each row of a table.
Values = list[Any]


def flatten(
    records: Sequence[dict[str, Any]],
    fixed: dict[str, list[Any]],
    rule: TypeRule,
    *,
    table: str,
    source_keys: Sequence[str] = (),
    field_name: identifiers.FieldNaming = identifiers.field_name,
) -> FlattenedRecords:
    """``fixed`` are the root table's fixed columns, ``_ordinal`` among them.

    ``table`` is the canonical name of the root table and ``source_keys`` are the canonical names of
    its keys: sub-tables are left out if their names or those of their key columns are too long.
    Raises TooManyColumns.
    """
    flattened = FlattenedRecords(TableRows("", 0, fixed, len(records)))
    flattener = _Flattener(flattened, table, source_keys, field_name)
    flattener.add_fields(flattened.root, "", records, rule)
    return flattened


class _Flattener:
    def __init__(
        self,
        flattened: FlattenedRecords,
        table: str,
        source_keys: Sequence[str],
        field_name: identifiers.FieldNaming,
    ) -> None:
        self._flattened = flattened
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
        self._fields = 0

    def add_fields(
        self, rows: TableRows, prefix: str, records: Sequence[dict[str, Any]], rule: TypeRule
    ) -> None:
        """``records`` are objects, one (it may be empty) for each row."""
        for raw, values in self._values_by_field(records):
            types = set(map(type, values))
            types.discard(_NONE)
            if not types:
                continue
            name = self._field_name(raw)
            if name.problem is not None:
                self._reject_where_present(rows, values, name.problem)
                continue
            self._add_field(
                rows, identifiers.join_names(prefix, name.text), values, types, rule.field(raw)
            )

    def _values_by_field(self, records: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Values]]:
        """Sorted by field, so that a record with several problems always gets the same reason."""
        uniform = _columns_of_uniform_records(records)
        if uniform is not None:
            if self._fields + len(uniform) > FIELDS_MAX:
                uniform = {key: values for key, values in uniform.items() if _has_value(values)}
            self._count_fields(len(uniform))
            for key in sorted(uniform):
                yield key, list(uniform[key])
            return
        keys: set[str] = set().union(*records)
        if self._fields + len(keys) > FIELDS_MAX:
            keys = {key for record in records for key, value in record.items() if value is not None}
        self._count_fields(len(keys))
        for key in sorted(keys):
            yield key, [record.get(key) for record in records]

    def _count_fields(self, more: int) -> None:
        self._fields += more
        if self._fields > FIELDS_MAX:
            raise TooManyColumns

    def _add_field(
        self, rows: TableRows, name: str, values: Values, types: set[type], rule: TypeRule
    ) -> None:
        """``types`` are the types of all values except None, here and below."""
        if dict in types:
            objects = [value if type(value) is dict else _EMPTY for value in values]
            self.add_fields(rows, name, objects, rule)
        if list in types:
            self._add_array(rows, name, values, rule.elements())
        if not types <= _CONTAINERS:
            self._add_scalars(rows, name, values, types, rule)

    # --- arrays ---

    def _add_array(self, rows: TableRows, name: str, values: Values, rule: TypeRule) -> None:
        parents = [i for i, value in enumerate(values) if type(value) is list and value]
        if not parents:
            return
        path = identifiers.join_names(rows.path, name)
        sizes = [len(values[i]) for i in parents]
        sub_table = self._sub_table(rows, path, parents, sizes)
        problem = self._sub_table_problem(path)
        if problem is not None:
            first = sub_table.record_ordinals[0]
            self._flattened.omissions.setdefault((path, problem), first)
            return
        elements = list(chain.from_iterable([values[i] for i in parents]))
        types = set(map(type, elements))
        types.discard(_NONE)
        if dict in types:
            objects = [value if type(value) is dict else _EMPTY for value in elements]
            self.add_fields(sub_table, "", objects, rule)
            types.discard(dict)
            elements = [None if type(value) is dict else value for value in elements]
        if types:
            self._add_field(sub_table, identifiers.ELEMENT, elements, types, rule)
        self._add_sub_table(sub_table)

    def _sub_table(
        self, rows: TableRows, path: str, parents: list[int], sizes: list[int]
    ) -> TableRows:
        """Its rows without values: ``sizes`` elements for each of the ``parents`` rows."""
        parent_of = list(chain.from_iterable(map(repeat, parents, sizes)))
        ordinals = rows.record_ordinals
        fixed: dict[str, list[Any]] = {ROOT: [ordinals[i] for i in parent_of]}
        for level in range(rows.levels):
            outer = rows.fixed[f"{LEVEL}{level}"]
            fixed[f"{LEVEL}{level}"] = [outer[i] for i in parent_of]
        fixed[f"{LEVEL}{rows.levels}"] = list(chain.from_iterable(map(range, sizes)))
        return TableRows(path, rows.levels + 1, fixed, len(parent_of))

    def _sub_table_problem(self, path: str) -> str | None:
        name = identifiers.join_names(self._table, path)
        if len(name) > identifiers.IDENTIFIER_BYTES_MAX:
            return identifiers.too_long_table(name)
        return self._source_key_problem

    def _add_sub_table(self, sub_table: TableRows) -> None:
        key = sub_table.path, sub_table.levels
        present = self._flattened.sub_tables.setdefault(key, sub_table)
        if present is sub_table:
            return
        # Two fields that became one name: the elements of a record with both cannot be separated.
        name = identifiers.join_names(self._table, sub_table.path)
        for ordinal, *_ in set(_arrays(present)).intersection(_arrays(sub_table)):
            self._reject(ordinal, f"Field collision on {name}")
        present.extend(sub_table)

    # --- scalars ---

    def _add_scalars(
        self, rows: TableRows, name: str, values: Values, types: set[type], rule: TypeRule
    ) -> None:
        """The scalars among ``values``, which may hold objects and arrays as well."""
        scalars = types - _CONTAINERS
        if len(name) > identifiers.COLUMN_NAME_MAX:
            first = next(i for i, value in enumerate(values) if type(value) in scalars)
            omission = rows.path, identifiers.too_long_column(name)
            self._flattened.omissions.setdefault(omission, rows.record_ordinals[first])
            return
        problem = identifiers.column_problem(name)
        if problem is not None:
            self._reject_where_present(rows, values, problem, scalars)
            return
        if Tagged in scalars:
            self._reject_where_present(rows, values, f"unsupported value on {name}", {Tagged})
        by_kind = self._by_kind(rows, values, types, rule)
        # Empty if every value was rejected: then there is nothing that could collide.
        if by_kind and any(existing == name for existing, _ in rows.columns):
            self._reject_collisions(rows, name, by_kind)
        for kind, converted in by_kind.items():
            rows.columns[name, kind] = _coalesce(rows.columns.get((name, kind)), converted)

    def _reject_collisions(
        self, rows: TableRows, name: str, by_kind: dict[ColumnKind, Values]
    ) -> None:
        """For two spellings of one column: a record that has both is rejected."""
        before = [values for (existing, _), values in rows.columns.items() if existing == name]
        for ordinal, old, new in zip(
            rows.record_ordinals,
            zip(*before, strict=True),
            zip(*by_kind.values(), strict=True),
            strict=True,
        ):
            if _has_value(old) and _has_value(new):
                self._reject(ordinal, f"Field collision on {name}")

    def _by_kind(
        self, rows: TableRows, values: Values, types: set[type], rule: TypeRule
    ) -> dict[ColumnKind, Values]:
        """Converts the scalars, into a column for each kind; rejects what cannot be converted.

        If the values have only one type, as in most columns, they need not be separated by type.
        """
        by_kind: dict[ColumnKind, Values] = {}
        # Sorted, so that the order of kinds never depends on hashing.
        for value_type in sorted(types - _NOT_CONVERTED, key=lambda found: found.__name__):
            of_type = values
            if len(types) > 1:
                of_type = [value if type(value) is value_type else None for value in values]
            for alternative, part in _by_alternative(of_type, rule):
                converted = self._by_kind_of_one_type(rows, part, value_type, alternative)
                for kind, column in converted.items():
                    by_kind[kind] = _coalesce(by_kind.get(kind), column)
        return by_kind

    def _by_kind_of_one_type(
        self, rows: TableRows, values: Values, value_type: type, rule: TypeRule
    ) -> dict[ColumnKind, Values]:
        """``values`` are of this type or None."""
        if value_type is bool:
            return {rule.boolean: values}
        if value_type is str:
            return self._texts(rows, values, rule.texts)
        if value_type is Timestamp:
            return {ColumnKind.TIMESTAMP: self._converted(rows, values, conversion.timestamp)}
        kind = _NUMBERS[value_type](rule)
        if value_type is int and kind is not ColumnKind.NUMERIC and _all_fit_bigint(values):
            return {kind: values}
        if value_type is float and kind is ColumnKind.DOUBLE:
            return {kind: values}
        return {kind: self._converted(rows, values, conversion.conversion(value_type, kind))}

    def _converted(self, rows: TableRows, values: Values, convert: conversion.Convert) -> Values:
        try:
            return [None if value is None else convert(value) for value in values]
        except conversion.OutOfRange:
            return [
                None if value is None else self._convert_or_reject(ordinal, value, convert)
                for ordinal, value in zip(rows.record_ordinals, values, strict=True)
            ]

    def _convert_or_reject(self, ordinal: int, value: Any, convert: conversion.Convert) -> Any:
        try:
            return convert(value)
        except conversion.OutOfRange as error:
            self._reject(ordinal, str(error))
            return None

    def _texts(
        self, rows: TableRows, values: Values, kinds: tuple[ColumnKind, ...]
    ) -> dict[ColumnKind, Values]:
        """Each text goes to the first of ``kinds`` as which it can be parsed."""
        if kinds == (ColumnKind.TEXT,):
            return {ColumnKind.TEXT: _without_nul(values)}
        texts = [text for text in values if text is not None]
        if kinds[0] is ColumnKind.TIMESTAMP and conversion.are_ordinary_date_times(texts):
            return {ColumnKind.TIMESTAMP: values}
        by_kind: dict[ColumnKind, Values] = {kind: [None] * len(values) for kind in kinds}
        for i, text in enumerate(values):
            if text is None:
                continue
            try:
                kind, converted = conversion.text_kind(text, kinds)
            except conversion.OutOfRange as error:
                self._reject(rows.record_ordinals[i], str(error))
            else:
                by_kind[kind][i] = converted
        return {kind: column for kind, column in by_kind.items() if _has_value(column)}

    # --- rejected records ---

    def _reject(self, ordinal: int, reason: str) -> None:
        self._flattened.rejected.setdefault(ordinal, reason)

    def _reject_where_present(
        self, rows: TableRows, values: Values, reason: str, types: set[type] | None = None
    ) -> None:
        for ordinal, value in zip(rows.record_ordinals, values, strict=True):
            if value is not None and (types is None or type(value) in types):
                self._reject(ordinal, reason)


def _columns_of_uniform_records(
    records: Sequence[dict[str, Any]],
) -> dict[str, tuple[Any, ...]] | None:
    """The values by field, in one compiled pass, if all records have the same fields, as usual."""
    fields = list(records[0]) if records else []
    # itemgetter returns bare values, not tuples, for a single field.
    if len(fields) > 1 and set(map(len, records)) == {len(fields)}:
        with contextlib.suppress(KeyError):
            columns = zip(*map(itemgetter(*fields), records), strict=True)
            return dict(zip(fields, columns, strict=True))
    return None


def _by_alternative(values: Values, rule: TypeRule) -> list[tuple[TypeRule, Values]]:
    """The values that each alternative accepts, and last those that none does."""
    if not rule.alternatives:
        return [(rule, values)]
    rules = [*(each.rule for each in rule.alternatives), rule]
    parts: list[Values] = [[None] * len(values) for _ in rules]
    for i, value in enumerate(values):
        if value is not None:
            accepting = (n for n, each in enumerate(rule.alternatives) if each.accepts(value))
            parts[next(accepting, -1)][i] = value
    return [(one, part) for one, part in zip(rules, parts, strict=True) if _has_value(part)]


def _coalesce(one: Values | None, other: Values) -> Values:
    """Merges two columns of which at most one has a value in any row."""
    if one is None:
        return other
    return [a if a is not None else b for a, b in zip(one, other, strict=True)]


def _arrays(sub_table: TableRows) -> Iterator[tuple[int, ...]]:
    """Identifies, for each row, the array it is an element of: the record and the outer indexes."""
    outer = [sub_table.fixed[f"{LEVEL}{level}"] for level in range(sub_table.levels - 1)]
    return zip(sub_table.record_ordinals, *outer, strict=True)


def _has_value(values: Sequence[Any]) -> bool:
    return any(value is not None for value in values)


def _without_nul(texts: Values) -> Values:
    """PostgreSQL's text cannot hold U+0000: the character is dropped (OP-30)."""
    # One long text is searched far faster than many short ones.
    if "\0" not in "".join(filter(None, texts)):
        return texts
    return [text and text.replace("\0", "") for text in texts]


def _all_fit_bigint(integers: Values) -> bool:
    """Whether all integers have at most 64 bits. filter drops null and zero, which do."""
    try:
        array("q", filter(None, integers))
    except OverflowError:
        return False
    return True
