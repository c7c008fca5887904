"""Wire contract 2.2, X12 and X15, and hostile inputs 27 to 29: the schema of a batch."""

import socket
import time
from typing import Any

import pytest

from protocol.refusals.batch import SchemaInvalid
from protocol.schemas.compiled import CompiledSchema, SchemaCache
from protocol.schemas.patterns import states

TREE = {
    "properties": {"id": {"type": "integer"}, "children": {"items": {"$ref": "#"}}},
    "required": ["id"],
}
ANY_JSON = {
    "$ref": "#/definitions/any",
    "definitions": {
        "any": {
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"]},
                {"type": "array", "items": {"$ref": "#/definitions/any"}},
                {"type": "object", "additionalProperties": {"$ref": "#/definitions/any"}},
            ]
        }
    },
}


def accepts(schema: dict[str, Any], data: Any) -> bool:
    return CompiledSchema(schema).accepts([data])


def why_invalid(schema: dict[str, Any]) -> str:
    with pytest.raises(SchemaInvalid) as refused:
        CompiledSchema(schema)
    return refused.value.body.decode().removeprefix('{"error":"Invalid JSON schema: ')[:-2]


def one(schema: Any) -> dict[str, Any]:
    return {"properties": {"a": schema}}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, 2**70, -5], [1.0, True, "1", None]),
        ({"type": "number"}, [1, 1.5], [True, "1"]),
        ({"type": ["null", "string", "null"]}, [None, "x"], [1]),
        ({"format": "date-time", "type": "string"}, ["2020-01-13T21:25:03+0000", "no"], [1]),
        ({"format": "singer.decimal"}, ["1.0"], []),
        ({"minimum": 3, "exclusiveMinimum": True}, [4], [3]),
        ({"minimum": 3, "exclusiveMinimum": False}, [3], [2]),
        ({"exclusiveMinimum": 3, "exclusiveMaximum": 1}, [0, 9], []),
        ({"const": 1, "if": {}, "then": False, "contains": 5, "$comment": []}, [2], []),
        ({"enum": [None, 1, "a"]}, [None, 1, "a"], [2]),
        ({"items": [{"type": "string"}], "additionalItems": False}, [["a"], []], [[1], ["a", 1]]),
        ({"items": {}}, [[1, "a"]], []),
        ({"patternProperties": {"^x": {"type": "string"}}}, [{"x": "a", "y": 1}], [{"x": 1}]),
        ({"additionalProperties": {"type": "string"}}, [{"x": "a"}], [{"x": 1}]),
        ({"dependencies": {"x": ["y"], "z": []}}, [{"x": 1, "y": 1}, {"z": 1}], [{"x": 1}]),
        ({"dependencies": {"x": {"required": ["y"]}}}, [{"y": 1}], [{"x": 1}]),
        ({"required": []}, [{}], []),
        ({"not": {"type": "string"}}, [1], ["a"]),
        ({"oneOf": [{"type": "string"}, {"maxLength": 1}]}, ["ab", 5], ["a"]),
        ({"anyOf": [{"type": "array"}, {"type": "null"}]}, [[], None], [1]),
        ({"pattern": "^(a+)+$"}, ["aaa"], ["b"]),
        ({"uniqueItems": True}, [[1, 2]], [[1, 1]]),
        ({"multipleOf": 0.01}, [12.34, 5], [0.001]),
        ({"id": "http://example.com/x", "type": "string"}, ["a"], [1]),
        ({"title": 5, "description": [], "default": {}, "examples": 1}, ["a"], []),
    ],
)
def test_means_what_draft_4_means(schema: Any, good: list[Any], bad: list[Any]) -> None:
    compiled = CompiledSchema(one(schema))

    assert [value for value in good if not compiled.accepts([{"a": value}])] == []
    assert [value for value in bad if compiled.accepts([{"a": value}])] == []


@pytest.mark.parametrize(
    "draft",
    ["http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2020-12/schema"],
)
def test_any_draft_that_a_schema_names_is_read_as_draft_4(draft: str) -> None:
    assert accepts({"$schema": draft, **one({"type": "integer"})}, {"a": 1})
    assert not accepts({"$schema": draft, **one({"type": "integer"})}, {"a": 1.0})


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (one({"type": "foo"}), "unknown type: [foo]"),
        (one({"type": ["string", "foo"]}), "unknown type: [foo]"),
        (one({"type": [5]}), "unknown type: [Integer]"),
        (
            one({"type": 5}),
            "key type: expected type is one of JSONArray or String, found: Integer",
        ),
        (one("string"), "key null: expected type is one of JSONObject, found: String"),
        (one(bool(1)), "key null: expected type is one of JSONObject, found: Boolean"),
        (one({"items": [5]}), "key null: expected type is one of JSONObject, found: Integer"),
        ({"properties": []}, "key properties: expected type: JSONObject, found: JSONArray"),
        ({"anyOf": {}}, "key anyOf: expected type: JSONArray, found: JSONObject"),
        ({"allOf": []}, "key allOf: expected type: JSONArray, found: JSONArray"),
        (one({"pattern": 5}), "key pattern: expected type: String, found: Integer"),
        (
            one({"pattern": "^(?=a)b"}),
            (
                "#/properties/a/pattern: pattern not supported"
                " (look-around, back reference, or too large)"
            ),
        ),
        (
            {"patternProperties": {"(": {}}},
            (
                "#/patternProperties/(: pattern not supported"
                " (look-around, back reference, or too large)"
            ),
        ),
        (one({"minimum": "x"}), '#/properties/a/minimum: \\"x\\" is not of type \\"number\\"'),
        ({"required": "x"}, '#/required: \\"x\\" is not of type \\"array\\"'),
        (one({"maxLength": -1}), "#/properties/a/maxLength: -1 is less than the minimum of 0"),
    ],
)
def test_an_unusable_schema_is_refused_with_what_to_change(
    schema: dict[str, Any], said: str
) -> None:
    assert why_invalid(schema) == said


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("http://127.0.0.1:9/schema", "$ref leads out of the schema: [http://127.0.0.1:9/schema]"),
        ("file:///etc/passwd", "$ref leads out of the schema: [file:///etc/passwd]"),
        ("other.json#/a", "$ref leads out of the schema: [other.json#/a]"),
        ("//host/x", "$ref leads out of the schema: [//host/x]"),
        ("", "$ref leads out of the schema: []"),
        ("#name", "$ref is no JSON pointer: [#name]"),
        ("#/definitions/none", "$ref leads nowhere: [#/definitions/none]"),
        ("#/definitions/a/items/0x0", "$ref leads nowhere: [#/definitions/a/items/0x0]"),
        ("#/definitions/a/items/1", "$ref leads nowhere: [#/definitions/a/items/1]"),
        (5, "key $ref: expected type: String, found: Integer"),
        ("#", "$ref leads back to itself"),
        ("#/definitions/b", "$ref leads back to itself"),
    ],
)
def test_28_a_reference_that_does_not_stay_inside_is_refused(reference: Any, said: str) -> None:
    definitions = {"a": {"items": [{}]}, "b": {"allOf": [{"$ref": "#/definitions/b"}]}}

    assert why_invalid({"allOf": [{"$ref": reference}], "definitions": definitions}) == said


def test_28_a_schema_cannot_be_used_to_reach_a_network() -> None:
    """Also where a reference is no reference to us: unknown words, enums, names of fields."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    schema = {
        "$schema": url,
        "id": url,
        "enum": [{"$ref": url}, {}],
        "unknown": {"$ref": url},
        "properties": {"$ref": {"id": url}, "id": {"$schema": url}},
        "definitions": {"unused": {"$ref": url}},
    }

    assert accepts(schema, {})
    with listener, pytest.raises(TimeoutError):
        listener.accept()


def test_a_pointer_may_lead_anywhere_in_the_document() -> None:
    schema = {
        "shapes": [{"a/b~c": {"type": "string"}}],
        "properties": {
            "x": {"$ref": "#/shapes/0/a~1b~0c"},
            "y": {"$ref": "#/properties/x"},
            "z": {"$ref": "#/%73hapes/0/a~1b~0c", "type": "integer"},
        },
    }

    assert accepts(schema, {"x": "a", "y": "b", "z": "c"})
    assert not accepts(schema, {"y": 1})
    assert not accepts(schema, {"z": 1})


def test_a_schema_that_refers_to_itself_deeper_down_is_followed() -> None:
    leaf = {"id": 1}

    assert accepts(TREE, {"id": 1, "children": [{"id": 2, "children": [leaf]}]})
    assert not accepts(TREE, {"id": 1, "children": [{"id": 2, "children": [{}]}]})
    assert accepts(ANY_JSON, {"a": [[{"b": None}], "x"]})


def chain(links: int, *, width: int) -> dict[str, Any]:
    """Each definition mentions the next ``width`` times: width ** links checks of one value."""
    definitions: dict[str, Any] = {f"d{links}": {"type": "object"}}
    for link in range(links):
        definitions[f"d{link}"] = {"allOf": [{"$ref": f"#/definitions/d{link + 1}"}] * width}
    return {"definitions": definitions, "$ref": "#/definitions/d0"}


def double_items() -> dict[str, Any]:
    return {"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}


def nested_schema(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"properties": {"a": schema}}
    return schema


HOSTILE: list[tuple[dict[str, Any], str]] = [
    (chain(40, width=2), "references and branches multiply"),
    (chain(3, width=1001), "references and branches multiply"),
    (double_items(), "references and branches multiply"),
    (one(double_items()) | double_items(), "references and branches multiply"),
    (chain(20_000, width=1), "more than 10000 sub-schemas"),
    (one({"anyOf": [{"type": "string"}] * 20_000}), "more than 10000 sub-schemas"),
    (nested_schema(101), "nested deeper than 100 levels"),
    (one({"pattern": "((a{1000}){1000}){1000}"}), "pattern too large"),
    (one({"pattern": "(?:x{0,9999}){0,9999}"}), "pattern too large"),
    ({"patternProperties": {f"{'.{500}'}{i}": {} for i in range(50)}}, "pattern too large"),
]


@pytest.mark.parametrize(("schema", "said"), HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_27_and_28_a_hostile_schema_is_refused_quickly(schema: dict[str, Any], said: str) -> None:
    started = time.monotonic()

    assert said in why_invalid(schema)
    assert time.monotonic() - started < 10


def test_a_long_chain_of_references_is_not_hostile() -> None:
    assert accepts(chain(3_000, width=1), {})
    assert accepts(chain(8, width=2), {})


def test_one_hundred_levels_of_schema_are_taken() -> None:
    assert accepts(nested_schema(100), {"a": {"a": {}}})


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (one({"pattern": "^(a+)+$"}), {"a": "a" * 100_000 + "!"}),
        (one({"pattern": "^(a|aa)*$"}), {"a": "a" * 100_000 + "!"}),
        (one({"pattern": "(x+x+)+y"}), {"a": "x" * 100_000}),
        (one({"uniqueItems": True}), {"a": [[i] for i in range(9_999)] + [[0]]}),
    ],
)
def test_27_a_catastrophic_pattern_is_none_here(schema: dict[str, Any], data: Any) -> None:
    compiled = CompiledSchema(schema)
    started = time.monotonic()

    assert not compiled.accepts([data])
    assert time.monotonic() - started < 5


def test_work_that_would_take_too_long_is_refused_before_it_begins() -> None:
    many_states = CompiledSchema(one({"pattern": "^[01]*1[01]{1000}$"}))
    many_branches = CompiledSchema(one({"items": {"anyOf": [{"type": "string"}] * 1_000}}))

    many_states.refuse_if_too_expensive([{}], b"x" * 900_000)
    many_branches.refuse_if_too_expensive([{}], b"," * 60_000 + b"x" * 9_000_000)
    with pytest.raises(SchemaInvalid, match="schema_invalid"):
        many_states.refuse_if_too_expensive([{}], b"x" * 1_100_000)
    with pytest.raises(SchemaInvalid, match="schema_invalid"):
        many_branches.refuse_if_too_expensive([{}], b"," * 70_000 + b"x" * 9_000_000)


def test_a_wide_table_and_a_full_body_are_not_costly() -> None:
    wide = CompiledSchema(
        {"properties": {f"f{i}": {"type": ["null", "string"]} for i in range(1_600)}}
    )
    decimals = CompiledSchema({"properties": {f"f{i}": {"multipleOf": 0.01} for i in range(50)}})
    strict = CompiledSchema(one({"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}$"}))

    decimals.refuse_if_too_expensive([{}] * 20_000, b"," * 1_000_000 + b"x" * 8_000_000)
    wide.refuse_if_too_expensive([{}] * 20_000, b"," * 2_000_000 + b"x" * 18_000_000)
    strict.refuse_if_too_expensive([{}] * 20_000, b"," * 2_000_000 + b"x" * 18_000_000)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("", 0),
        ("abc", 3),
        ("a{10}", 10),
        ("a{2,30}b", 31),
        ("a{3,}", 4),
        ("a{ 2 , 5 }", 5),
        ("a{x}", 4),
        ("[a-z0-9]{5}", 5),
        ("[]a]{5}", 5),
        ("[^]a]{5}", 5),
        ("[[a-c]&&[b]]{5}", 5),
        (r"[\]a]{5}", 5),
        (r"[\[]{5}", 5),
        (r"[^]\]]{5}", 5),
        ("[a", 1),
        ("[a\\", 1),
        (r"\d{5}", 5),
        (r"\p{Greek}{5}", 5),
        (r"\pN{5}", 5),
        (r"\{{5}", 5),
        ("(ab){5}", 10),
        ("((a{10}b){10}c){10}", 1110),
        ("(?:a|b)*", 6),
        ("a))))(((b{9}", 14),
    ],
)
def test_states_of_a_pattern_are_counted_with_repetitions_written_out(
    pattern: str, count: int
) -> None:
    assert states(pattern) == count


@pytest.mark.parametrize(
    "pattern",
    [
        "(" * 250_000 + "a" + "){9}" * 250_000,
        "[" * 500_000 + "a" + "]" * 499_999,
        "\\p{" * 300_000,
        "a{" * 500_000,
        "a{1,2}" * 160_000,
    ],
    ids=["groups", "classes", "properties", "open", "repetitions"],
)
def test_a_pattern_of_a_megabyte_is_counted_in_no_time(pattern: str) -> None:
    started = time.monotonic()

    assert states(pattern) > 0
    assert time.monotonic() - started < 10


def test_equal_schemas_are_compiled_once() -> None:
    cache = SchemaCache(10**9)
    first = cache.compiled(one({"type": "string"}))

    assert cache.compiled(one({"type": "string"})) is first
    assert cache.compiled(one({"type": "integer"})) is not first


def test_29_a_new_schema_on_every_request_cannot_be_used_to_fill_memory() -> None:
    cache = SchemaCache(100_000)
    for number in range(500):
        cache.compiled(one({"enum": [number]}))
        assert cache._bytes <= 100_000

    assert 0 < len(cache._kept) < 500


def test_29_the_schema_in_use_stays_while_others_come_and_go() -> None:
    cache = SchemaCache(100_000)
    mine = cache.compiled(one({"type": "string"}))
    for number in range(500):
        cache.compiled(one({"enum": [number]}))
        assert cache.compiled(one({"type": "string"})) is mine


def test_a_schema_larger_than_the_cache_is_used_and_not_kept() -> None:
    cache = SchemaCache(100)

    assert cache.compiled(one({"type": "string"})).accepts([{"a": "x"}])
    assert not cache._kept


def test_a_schema_of_five_megabytes_is_refused() -> None:
    wide = {"properties": {f"field_{i}": {"type": ["null", "string"]} for i in range(100_000)}}

    with pytest.raises(SchemaInvalid) as refused:
        SchemaCache(10**9).compiled(wide)
    assert refused.value.body == b'{"error":"Invalid JSON schema: larger than 1000000 bytes"}'


def test_a_schema_that_two_requests_bring_at_once_is_counted_once() -> None:
    cache = SchemaCache(10**9)
    cache._keep(b"text", CompiledSchema({}))
    before = cache._bytes
    cache._keep(b"text", CompiledSchema({}))

    assert cache._bytes == before


def test_a_schema_too_deep_to_be_written_is_refused() -> None:
    with pytest.raises(SchemaInvalid) as refused:
        SchemaCache(10**9).compiled(nested_schema(900))
    assert refused.value.body == b'{"error":"Invalid JSON schema: nested too deeply"}'


def test_numbers_beyond_64_bits_in_a_schema_are_different_schemas() -> None:
    cache = SchemaCache(10**9)
    larger = cache.compiled(one({"maximum": 2**64 + 1}))
    smaller = cache.compiled(one({"maximum": 2**64}))

    assert larger.accepts([{"a": 2**64 + 1}])
    assert not smaller.accepts([{"a": 2**64 + 1}])
