"""Which column kind a JSON value gets: by value for a push, by the schema for a batch. Pure.

Rules: loading behaviour 1.2 and 1.3. A rule maps JSON types to kinds, because a column usually has
thousands of values of one type. For strings it gives several kinds to try in order. Values are
looked at one by one only where alternatives of a schema limit them (``enum``, ``maximum``, …).
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from protocol.schemas.validator import validator
from services.loader.parsing.conversion import date_time, decimal
from services.loader.schema.column_types import ColumnKind

# A schema behind a longer chain of `$ref`s counts as empty.
REFERENCES_MAX = 100
# Branches to which the schema of one field may expand. Each alternative can double them.
BRANCHES_MAX = 1_000


class TypeRule(Protocol):
    """What a schema, or its absence, says about the values of one field."""

    @property
    def boolean(self) -> ColumnKind: ...

    @property
    def integer(self) -> ColumnKind: ...

    @property
    def number(self) -> ColumnKind: ...

    @property
    def decimal(self) -> ColumnKind:
        """For a number that was parsed as a Decimal because no double holds it."""

    @property
    def texts(self) -> tuple[ColumnKind, ...]:
        """The kinds to try, in order."""

    def field(self, name: str, /) -> "TypeRule": ...

    def elements(self) -> "TypeRule": ...

    @property
    def alternatives(self) -> Sequence["Alternative"]:
        """In written order; empty unless the choice depends on the value."""


class Alternative(NamedTuple):
    accepts: Callable[[Any], bool]
    rule: TypeRule


class ByValueRule:
    """Without a schema: the JSON type decides, and strings are never parsed."""

    boolean = ColumnKind.BOOLEAN
    integer = ColumnKind.BIGINT
    number = ColumnKind.DOUBLE
    decimal = ColumnKind.DOUBLE
    texts: tuple[ColumnKind, ...] = (ColumnKind.TEXT,)
    alternatives: tuple[Alternative, ...] = ()

    def field(self, _: str) -> TypeRule:
        return self

    def elements(self) -> TypeRule:
        return self


BY_VALUE = ByValueRule()


def rule_of(schema: Mapping[str, Any] | None) -> TypeRule:
    return BY_VALUE if schema is None else _SchemaRule((schema,), schema)


class _SchemaRule:
    """Several schemas are the branches of an ``anyOf`` or ``oneOf``, in written order."""

    def __init__(self, schemas: tuple[Any, ...], root: Any) -> None:
        self._root = root
        expander = _BranchExpander(root)
        self._branches = [branch for schema in schemas for branch in expander.branches(schema)]
        self._fields: dict[str, TypeRule] = {}
        self._elements: TypeRule | None = None
        self.boolean = ColumnKind.BOOLEAN
        self.integer = self._first_number("integer")
        self.number = self._first_number("number")
        self.decimal = self.number
        self.texts = self._texts()
        self.alternatives = self._alternatives()

    def _first_number(self, value_type: str) -> ColumnKind:
        """A number with a point or exponent is an integer only if no other branch takes it."""
        by_value = ColumnKind.BIGINT if value_type == "integer" else ColumnKind.DOUBLE
        fallback = None
        for branch in self._branches:
            types = _types(branch)
            if "number" in types:
                return ColumnKind.NUMERIC if "multipleOf" in branch else ColumnKind.DOUBLE
            if not types:
                return fallback or by_value
            if "integer" in types and value_type == "integer":
                return ColumnKind.BIGINT
            if "integer" in types:
                fallback = ColumnKind.BIGINT
        return fallback or by_value

    def _texts(self) -> tuple[ColumnKind, ...]:
        found: list[ColumnKind] = []
        for branch in self._branches:
            types = _types(branch)
            if types and "string" not in types:
                continue
            found.append(
                _TEXT_FORMATS.get(str(branch.get("format")), ColumnKind.TEXT)
                if types
                else ColumnKind.TEXT
            )
            if found[-1] is ColumnKind.TEXT:
                break
        return tuple(dict.fromkeys(found)) or (ColumnKind.TEXT,)

    def _alternatives(self) -> tuple[Alternative, ...]:
        if len(self._branches) == 1 or _VALUE_LIMITS.isdisjoint(set().union(*self._branches)):
            return ()
        return tuple(
            Alternative(_acceptance(branch), _SchemaRule((branch,), self._root))
            for branch in self._branches
        )

    def field(self, name: str) -> TypeRule:
        rule = self._fields.get(name)
        if rule is None:
            declared = [
                properties[name]
                for branch in self._branches
                if isinstance(properties := branch.get("properties"), dict) and name in properties
            ]
            rule = _SchemaRule(tuple(declared), self._root) if declared else BY_VALUE
            self._fields[name] = rule
        return rule

    def elements(self) -> TypeRule:
        if self._elements is None:
            items: list[Any] = []
            for branch in self._branches:
                declared = branch.get("items")
                # A tuple of schemas, one for each index, counts as alternatives.
                items += declared if isinstance(declared, list) else [declared]
            items = [schema for schema in items if isinstance(schema, dict)]
            self._elements = _SchemaRule(tuple(items), self._root) if items else BY_VALUE
        return self._elements


_COMBINING = ("allOf", "anyOf", "oneOf")
# Keywords that accept only some values of a type. ``multipleOf`` is not one: it marks decimals.
_VALUE_LIMITS = frozenset(
    {
        *("enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minLength", "maxLength", "pattern"),
    }
)
_TEXT_FORMATS = {"date-time": ColumnKind.TIMESTAMP, "singer.decimal": ColumnKind.NUMERIC}


def _types(branch: Mapping[str, Any]) -> frozenset[str]:
    """Without null; empty when the branch accepts every type."""
    given = branch.get("type")
    return frozenset([given] if isinstance(given, str) else given or ()) - {"null"}


def _acceptance(branch: Mapping[str, Any]) -> Callable[[Any], bool]:
    """A function that says whether the branch accepts a scalar."""
    keywords = {"type", *_VALUE_LIMITS}.intersection(branch)
    try:
        compiled = validator({keyword: branch[keyword] for keyword in keywords})
    except ValueError:  # a keyword with its meaning in a later draft
        compiled = validator({keyword: branch[keyword] for keyword in keywords - _VALUE_LIMITS})
    parse = {"date-time": date_time, "singer.decimal": decimal}.get(str(branch.get("format")))

    def accepts(value: Any) -> bool:
        if type(value) is str and parse is not None and parse(value) is None:
            return False
        return compiled.is_valid(float(value) if type(value) is Decimal else value)

    return accepts


class _BranchExpander:
    """Follows ``$ref``, merges ``allOf``, and lists ``anyOf`` and ``oneOf`` in written order.

    Whatever exceeds BRANCHES_MAX counts as an empty schema.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def branches(self, schema: Any, depth: int = 0) -> list[Mapping[str, Any]]:
        self._steps += 1
        if not isinstance(schema, dict) or depth > REFERENCES_MAX or self._steps > BRANCHES_MAX:
            return [{}]
        if isinstance(reference := schema.get("$ref"), str):
            return self.branches(_resolve_reference(reference, self._root), depth + 1)
        found: list[Mapping[str, Any]] = [
            {key: value for key, value in schema.items() if key not in _COMBINING}
        ]
        for part in schema.get("allOf") or ():
            expanded = self.branches(part, depth + 1)
            found = self._merge_all([(one, other) for other in found for one in expanded])
        alternatives = [*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
        if not alternatives:
            return found
        expanded = [
            branch
            for alternative in alternatives
            for branch in self.branches(alternative, depth + 1)
            if _types(branch) or branch.get("type") is None
        ]
        return self._merge_all([(around, branch) for around in found for branch in expanded])

    def _merge_all(
        self, pairs: list[tuple[Mapping[str, Any], Mapping[str, Any]]]
    ) -> list[Mapping[str, Any]]:
        self._steps += len(pairs)
        return [_merged(*pair) for pair in pairs[:BRANCHES_MAX]]


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of ``other`` replace those of ``one``, except that ``properties`` are merged."""
    merged = {**one, **other}
    if isinstance(one.get("properties"), dict) and isinstance(other.get("properties"), dict):
        merged["properties"] = {**one["properties"], **other["properties"]}
    return merged


def _resolve_reference(reference: str, root: Any) -> Any:
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict) and key in found:
            found = found[key]
        else:
            return {}
    return found
