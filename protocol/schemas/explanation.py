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
    place = _Location(schema["items"], data, [])
    while _possible_errors(cost, place.value) > VIOLATION_ERRORS_MAX:
        deeper = next(_failing_children(place, definitions), None)
        if deeper is None:
            return _short_explanation(place, definitions)
        place = deeper
    return _full_explanation(place.schema, place, definitions)


@dataclass(frozen=True, slots=True)
class _Location:
    schema: Schema
    value: Any
    path: Path


def _possible_errors(cost: SchemaCost, value: Any) -> int:
    return (cost.record + cost.value * members(value)) // KEYWORD_WORK


def _accepts(schema: Schema, value: Any, definitions: Schema) -> bool:
    return validator({"items": schema, "definitions": definitions}).is_valid([value])


def _full_explanation(schema: Schema, place: _Location, definitions: Schema) -> list[str]:
    wrapped = {"items": schema, "definitions": definitions}
    return violations(validator(wrapped).iter_errors([place.value]), wrapped, place.path)


def _short_explanation(place: _Location, definitions: Schema) -> list[str]:
    """Failures of the value itself, without its members; for a union only that no branch fits."""
    schema = _resolved(place.schema, definitions)
    shallow = {word: content for word, content in schema.items() if word not in _SHALLOW_WITHOUT}
    if "properties" in shallow:
        shallow["properties"] = {name: {} for name in shallow["properties"]}
    if isinstance(shallow.get("additionalProperties"), dict):
        del shallow["additionalProperties"]
    if lines := _full_explanation(shallow, place, {}):
        return lines
    where = pointer_to(place.path)
    branches = len(schema.get("anyOf", ()))
    if branches and not _accepts({"anyOf": schema["anyOf"]}, place.value, definitions):
        return [f"{where}: #: no subschema matched out of the total {branches} subschemas"]
    return [f"{where}: does not conform"]


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema


def _failing_children(place: _Location, definitions: Schema) -> Iterator[_Location]:
    for child in _children(place, definitions):
        if not _accepts(child.schema, child.value, definitions):
            yield child


def _children(place: _Location, definitions: Schema) -> Iterator[_Location]:
    """Invalid members or items that explain the failure, in the order of the record."""
    here = _Location(_resolved(place.schema, definitions), place.value, place.path)
    for branch in here.schema.get("allOf", ()):
        yield _Location(branch, here.value, here.path)
    if isinstance(here.value, dict):
        yield from _members(here)
    elif isinstance(here.value, list):
        yield from _items(here, definitions)


def _members(place: _Location) -> Iterator[_Location]:
    named = place.schema.get("properties", {})
    others = place.schema.get("additionalProperties")
    if not isinstance(others, dict) or "patternProperties" in place.schema:
        others = None
    for name, value in place.value.items():
        schema = named.get(name, others)
        if schema is not None:
            yield _Location(schema, value, [*place.path, name])


def _items(place: _Location, definitions: Schema) -> Iterator[_Location]:
    items = place.schema.get("items", [])
    if isinstance(items, list):
        for index, (schema, value) in enumerate(zip(items, place.value, strict=False)):
            yield _Location(schema, value, [*place.path, index])
        return
    failing = _first_failing(items, place.value, definitions)
    if failing is not None:
        yield _Location(items, place.value[failing], [*place.path, failing])


def _first_failing(schema: Schema, items: list[Any], definitions: Schema) -> int | None:
    accepts = validator({"items": schema, "definitions": definitions}).is_valid
    if accepts(items):
        return None
    return next(index for index, item in enumerate(items) if not accepts([item]))
