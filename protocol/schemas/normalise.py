"""Normalise a JSON Schema (draft 4) to the smallest equivalent one, and check its structure.

Unknown keywords are dropped, as draft 4 requires; so are ``format`` (wire contract X15),
``$schema`` and ``id`` (references are resolved in this document only). The target of a reference is
moved to ``definitions`` of the result, so that a pointer can lead anywhere inside the document but
not out of it. Also builds the graph of sub-schemas for ``cost``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from protocol.json_types import EXPECTED, found_type
from protocol.limits import SCHEMA_LEVELS_MAX, SCHEMA_NODES_MAX, SCHEMA_PATTERN_STATES_MAX
from protocol.refusals import shown
from protocol.refusals.batch import SchemaInvalid, SchemaTypeUnknown, SubschemaNotObject
from protocol.schemas.patterns import states

Schema = dict[str, Any]

# Copied unchanged; the compiler checks their values.
_PLAIN = (
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties",
    "maxProperties",
)  # fmt: skip
# Measured, in units of about 4 ns: most keywords on one value, a comparison of arrays or objects,
# and a division, which uses decimals.
KEYWORD_WORK, _COMPARISON, _DIVISION = 10, 75, 500


@dataclass(slots=True, eq=False)
class SchemaNode:
    """One sub-schema: its cost per value, and the sub-schemas for that value or its members."""

    # In units of about 4 ns, as measured.
    work: int = 5
    # States of the patterns that a string or the name of a member is matched against.
    pattern_states: int = 0
    same_value: list["SchemaNode"] = field(default_factory=list)
    # Only one of these sees a given member …
    named_members: list["SchemaNode"] = field(default_factory=list)
    one_item_schema: list["SchemaNode"] = field(default_factory=list)
    # … all of these may see it.
    any_member: list["SchemaNode"] = field(default_factory=list)
    any_item: list["SchemaNode"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NormalisedSchema:
    """``schema`` describes an array of records, so that one call validates all of them."""

    schema: Schema
    nodes: list[SchemaNode]
    pattern_states: int


def normalise(schema: Schema) -> NormalisedSchema:
    """The first node is the root. Raises SchemaInvalid, SchemaTypeUnknown, SubschemaNotObject."""
    walk = _Normaliser(schema)
    items, _ = walk.normalise(schema, level=1)
    while walk.pending_targets:
        pointer, target = walk.pending_targets.pop()
        index, node = walk.targets[pointer]
        normal, found = walk.normalise(target, level=1)
        walk.definitions[str(index)] = normal
        node.same_value.append(found)
    wrapped: Schema = {"type": "array", "items": items}
    if walk.definitions:
        wrapped["definitions"] = walk.definitions
    return NormalisedSchema(wrapped, walk.nodes, walk.pattern_states)


class _Normaliser:
    def __init__(self, root: Schema) -> None:
        self.root = root
        self.nodes: list[SchemaNode] = []
        self.pattern_states = 0
        self.definitions: Schema = {}
        # By pointer: its index among the definitions, and its node.
        self.targets: dict[str, tuple[int, SchemaNode]] = {}
        self.pending_targets: list[tuple[str, Any]] = []

    def normalise(self, value: Any, *, level: int) -> tuple[Schema, SchemaNode]:
        if type(value) is not dict:
            raise SubschemaNotObject(found_type(value))
        if level > SCHEMA_LEVELS_MAX:
            raise SchemaInvalid(f"nested deeper than {SCHEMA_LEVELS_MAX} levels")
        if len(self.nodes) >= SCHEMA_NODES_MAX:
            raise SchemaInvalid(f"more than {SCHEMA_NODES_MAX} sub-schemas")
        node = SchemaNode()
        self.nodes.append(node)
        if "$ref" in value:
            # Draft 4: keywords next to a reference are ignored.
            return {"$ref": self._reference(value["$ref"], node)}, node
        normal: Schema = {}
        for keyword, read in _KEYWORD_HANDLERS.items():
            if keyword in value:
                read(self, value, _Output(normal, node, level))
        return normal, node

    def _reference(self, reference: Any, node: SchemaNode) -> str:
        if type(reference) is not str:
            raise SchemaInvalid(f"key $ref: expected type: String, found: {found_type(reference)}")
        if not reference.startswith("#"):
            raise SchemaInvalid(f"$ref leads out of the schema: [{shown(reference)}]")
        if reference not in self.targets:
            index, target_node = len(self.targets), SchemaNode()
            self.nodes.append(target_node)
            self.targets[reference] = index, target_node
            self.pending_targets.append((reference, _resolve_pointer(self.root, reference)))
        index, target_node = self.targets[reference]
        node.same_value.append(target_node)
        return f"#/definitions/{index}"

    def member_without_schema(self, work: int) -> SchemaNode:
        """A node for work on members that have no sub-schema of their own."""
        node = SchemaNode(work=work)
        self.nodes.append(node)
        return node

    def pattern(self, text: Any) -> int:
        """The number of states of a pattern, added to the total of the schema."""
        if type(text) is not str:
            raise SchemaInvalid(f"key pattern: expected type: String, found: {found_type(text)}")
        count = states(text)
        self.pattern_states += count
        if self.pattern_states > SCHEMA_PATTERN_STATES_MAX:
            raise SchemaInvalid(f"pattern too large: [{shown(text)}]")
        return count


@dataclass(frozen=True, slots=True)
class _Output:
    normal: Schema
    node: SchemaNode
    level: int


def _resolve_pointer(root: Schema, reference: str) -> Any:
    found: Any = root
    path = unquote(reference[1:])
    if path and not path.startswith("/"):
        raise SchemaInvalid(f"$ref is no JSON pointer: [{shown(reference)}]")
    for token in path.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if type(found) is dict and name in found:
            found = found[name]
        elif type(found) is list and name.isascii() and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise SchemaInvalid(f"$ref leads nowhere: [{shown(reference)}]")
    return found


def _type(_: _Normaliser, value: Schema, result: _Output) -> None:
    types = value["type"]
    if type(types) is str:
        types = [types]
    if type(types) is not list or not types:
        raise SchemaInvalid(
            f"key type: expected type is one of JSONArray or String, found: {found_type(types)}"
        )
    for name in types:
        if type(name) is not str or name not in EXPECTED:
            raise SchemaTypeUnknown(name if type(name) is str else found_type(name))
    # Real taps repeat a type, which draft 4 forbids.
    distinct = list(dict.fromkeys(types))
    result.normal["type"] = distinct if len(distinct) > 1 else distinct[0]
    result.node.work += KEYWORD_WORK


def _plain(keyword: str) -> Callable[[_Normaliser, Schema, _Output], None]:
    def read(_: _Normaliser, value: Schema, result: _Output) -> None:
        result.normal[keyword] = value[keyword]
        result.node.work += KEYWORD_WORK

    return read


def _exclusive(keyword: str) -> Callable[[_Normaliser, Schema, _Output], None]:
    def read(_: _Normaliser, value: Schema, result: _Output) -> None:
        # A number is the form of a later draft, which draft 4 does not know.
        if type(value[keyword]) is bool and keyword.removeprefix("exclusive").lower() in value:
            result.normal[keyword] = value[keyword]

    return read


def _multiple_of(_: _Normaliser, value: Schema, result: _Output) -> None:
    result.normal["multipleOf"] = value["multipleOf"]
    result.node.work += _DIVISION


def _enum(_: _Normaliser, value: Schema, result: _Output) -> None:
    result.normal["enum"] = options = value["enum"]
    found = [type(option) for option in options] if type(options) is list else []
    result.node.work += KEYWORD_WORK + (found.count(list) + found.count(dict)) * _COMPARISON


def _unique_items(walk: _Normaliser, value: Schema, result: _Output) -> None:
    result.normal["uniqueItems"] = value["uniqueItems"]
    result.node.any_item.append(walk.member_without_schema(_COMPARISON))


def _required(_: _Normaliser, value: Schema, result: _Output) -> None:
    # Draft 4 forbids an empty list, but taps send it.
    if value["required"] != []:
        result.normal["required"] = names = value["required"]
        result.node.work += KEYWORD_WORK * (len(names) if type(names) is list else 1)


def _pattern(walk: _Normaliser, value: Schema, result: _Output) -> None:
    result.node.pattern_states += walk.pattern(value["pattern"])
    result.normal["pattern"] = value["pattern"]


def _map(keyword: str, content: Any) -> Iterable[tuple[str, Any]]:
    if type(content) is not dict:
        raise SchemaInvalid(
            f"key {keyword}: expected type: JSONObject, found: {found_type(content)}"
        )
    return content.items()


def _properties(walk: _Normaliser, value: Schema, result: _Output) -> None:
    properties = {}
    for name, content in _map("properties", value["properties"]):
        properties[name], node = walk.normalise(content, level=result.level + 1)
        result.node.named_members.append(node)
    result.normal["properties"] = properties
    result.node.work += KEYWORD_WORK


def _pattern_properties(walk: _Normaliser, value: Schema, result: _Output) -> None:
    properties = {}
    for pattern, content in _map("patternProperties", value["patternProperties"]):
        result.node.pattern_states += walk.pattern(pattern)
        properties[pattern], node = walk.normalise(content, level=result.level + 1)
        result.node.any_member.append(node)
    result.normal["patternProperties"] = properties
    result.node.any_member.append(walk.member_without_schema(KEYWORD_WORK * len(properties)))


def _additional(keyword: str) -> Callable[[_Normaliser, Schema, _Output], None]:
    def read(walk: _Normaliser, value: Schema, result: _Output) -> None:
        result.node.work += KEYWORD_WORK
        if type(value[keyword]) is bool:
            result.normal[keyword] = value[keyword]
            # Without ``properties`` the error omits the names of the unexpected members.
            result.normal.setdefault("properties", {})
            return
        result.normal[keyword], node = walk.normalise(value[keyword], level=result.level + 1)
        of_items = keyword == "additionalItems"
        (result.node.any_item if of_items else result.node.any_member).append(node)

    return read


def _items(walk: _Normaliser, value: Schema, result: _Output) -> None:
    result.node.work += KEYWORD_WORK
    if type(value["items"]) is not list:
        result.normal["items"], node = walk.normalise(value["items"], level=result.level + 1)
        result.node.one_item_schema.append(node)
        return
    pairs = [walk.normalise(item, level=result.level + 1) for item in value["items"]]
    result.normal["items"] = [normal for normal, _ in pairs]
    result.node.one_item_schema += [node for _, node in pairs]


def _branches(keyword: str) -> Callable[[_Normaliser, Schema, _Output], None]:
    def read(walk: _Normaliser, value: Schema, result: _Output) -> None:
        branches = value[keyword]
        if type(branches) is not list or not branches:
            raise SchemaInvalid(
                f"key {keyword}: expected type: JSONArray, found: {found_type(branches)}"
            )
        pairs = [walk.normalise(branch, level=result.level + 1) for branch in branches]
        result.normal[keyword] = [normal for normal, _ in pairs]
        result.node.same_value += [node for _, node in pairs]

    return read


def _not(walk: _Normaliser, value: Schema, result: _Output) -> None:
    result.normal["not"], node = walk.normalise(value["not"], level=result.level + 1)
    result.node.same_value.append(node)


def _dependencies(walk: _Normaliser, value: Schema, result: _Output) -> None:
    dependencies: Schema = {}
    for name, content in _map("dependencies", value["dependencies"]):
        result.node.work += KEYWORD_WORK
        if type(content) is list:
            if content:  # as with ``required``: an empty list is harmless but forbidden
                dependencies[name] = content
            result.node.work += KEYWORD_WORK * len(content)
        else:
            dependencies[name], node = walk.normalise(content, level=result.level + 1)
            result.node.same_value.append(node)
    result.normal["dependencies"] = dependencies


_KEYWORD_HANDLERS: dict[str, Callable[[_Normaliser, Schema, _Output], None]] = {
    "type": _type,
    **{keyword: _plain(keyword) for keyword in _PLAIN},
    "multipleOf": _multiple_of,
    "enum": _enum,
    "uniqueItems": _unique_items,
    "exclusiveMinimum": _exclusive("exclusiveMinimum"),
    "exclusiveMaximum": _exclusive("exclusiveMaximum"),
    "required": _required,
    "pattern": _pattern,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional("additionalProperties"),
    "items": _items,
    "additionalItems": _additional("additionalItems"),
    "allOf": _branches("allOf"),
    "anyOf": _branches("anyOf"),
    "oneOf": _branches("oneOf"),
    "not": _not,
    "dependencies": _dependencies,
}
