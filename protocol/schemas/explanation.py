"""Explain why a record does not conform to its schema, at a bounded cost.

The library lists every failure of every branch: a hundred branches on a list of ten thousand items
give a million failures, 26 seconds and 2 GB. So if a record could fail in very many ways, we go
down to its first invalid member, and on from there, until the rest is small enough to be listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from protocol.limits import VIOLATION_ERRORS_MAX
from protocol.nesting import members
from protocol.schemas.cost import SchemaCost
from protocol.schemas.normalise import KEYWORD_WORK, Schema
from protocol.schemas.validator import validator
from protocol.schemas.violations import pointer_to, violations

Path = list[str | int]
# Left out of a short explanation: keywords that can cause many failures for one value.
_SHALLOW_WITHOUT = frozenset(
    {"items", "additionalItems", "patternProperties", "dependencies", "not"}
    | {"allOf", "anyOf", "oneOf"}
)


def explain(schema: Schema, cost: SchemaCost, data: Any) -> list[str]:
    """Lines for one ``data``; ``schema`` is the normalised schema and ``cost`` its cost."""
    definitions = schema.get("definitions", {})
    location = _ValueLocation(schema["items"], data, [])
    while _possible_errors(cost, location.value) > VIOLATION_ERRORS_MAX:
        deeper = next(_failing_children(location, definitions), None)
        if deeper is None:
            return _short_explanation(location, definitions)
        location = deeper
    return _full_explanation(location.schema, location, definitions)


@dataclass(frozen=True, slots=True)
class _ValueLocation:
    schema: Schema
    value: Any
    path: Path


def _possible_errors(cost: SchemaCost, value: Any) -> int:
    return (cost.record + cost.value * members(value)) // KEYWORD_WORK


def _accepts(schema: Schema, value: Any, definitions: Schema) -> bool:
    return validator({"items": schema, "definitions": definitions}).is_valid([value])


def _full_explanation(schema: Schema, location: _ValueLocation, definitions: Schema) -> list[str]:
    wrapped = {"items": schema, "definitions": definitions}
    return violations(validator(wrapped).iter_errors([location.value]), wrapped, location.path)


def _short_explanation(location: _ValueLocation, definitions: Schema) -> list[str]:
    """Failures of the value itself, without its members; for a union only that no branch fits."""
    schema = _resolved(location.schema, definitions)
    shallow = {word: content for word, content in schema.items() if word not in _SHALLOW_WITHOUT}
    if "properties" in shallow:
        shallow["properties"] = {name: {} for name in shallow["properties"]}
    if isinstance(shallow.get("additionalProperties"), dict):
        del shallow["additionalProperties"]
    if lines := _full_explanation(shallow, location, {}):
        return lines
    where = pointer_to(location.path)
    branches = len(schema.get("anyOf", ()))
    if branches and not _accepts({"anyOf": schema["anyOf"]}, location.value, definitions):
        return [f"{where}: #: no subschema matched out of the total {branches} subschemas"]
    return [f"{where}: does not conform"]


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema


def _failing_children(location: _ValueLocation, definitions: Schema) -> Iterator[_ValueLocation]:
    for child in _children(location, definitions):
        if not _accepts(child.schema, child.value, definitions):
            yield child


def _children(location: _ValueLocation, definitions: Schema) -> Iterator[_ValueLocation]:
    """Invalid members or items that explain the failure, in the order of the record."""
    here = _ValueLocation(_resolved(location.schema, definitions), location.value, location.path)
    for branch in here.schema.get("allOf", ()):
        yield _ValueLocation(branch, here.value, here.path)
    if isinstance(here.value, dict):
        yield from _members(here)
    elif isinstance(here.value, list):
        yield from _items(here, definitions)


def _members(location: _ValueLocation) -> Iterator[_ValueLocation]:
    named = location.schema.get("properties", {})
    others = location.schema.get("additionalProperties")
    if not isinstance(others, dict) or "patternProperties" in location.schema:
        others = None
    for name, value in location.value.items():
        schema = named.get(name, others)
        if schema is not None:
            yield _ValueLocation(schema, value, [*location.path, name])


def _items(location: _ValueLocation, definitions: Schema) -> Iterator[_ValueLocation]:
    items = location.schema.get("items", [])
    if isinstance(items, list):
        for index, (schema, value) in enumerate(zip(items, location.value, strict=False)):
            yield _ValueLocation(schema, value, [*location.path, index])
        return
    failing = _first_failing(items, location.value, definitions)
    if failing is not None:
        yield _ValueLocation(items, location.value[failing], [*location.path, failing])


def _first_failing(schema: Schema, items: list[Any], definitions: Schema) -> int | None:
    accepts = validator({"items": schema, "definitions": definitions}).is_valid
    if accepts(items):
        return None
    return next(index for index, item in enumerate(items) if not accepts([item]))
