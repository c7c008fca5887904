"""Wire contract B7, X13 and X14: why a record does not conform, in everit's words."""

from typing import Any

import pytest

from protocol.schemas.compiled import CompiledSchema
from protocol.schemas.violations import _java


def lines(schema: dict[str, Any], data: Any) -> list[str]:
    compiled = CompiledSchema(schema)
    assert not compiled.accepts([data])
    return compiled.violations(data, schema)


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "integer"}, "x", "expected type: Integer, found: String"),
        ({"type": "integer"}, 1.0, "expected type: Integer, found: Double"),
        ({"type": "number"}, True, "expected type: Number, found: Boolean"),
        ({"type": "boolean"}, 5, "expected type: Boolean, found: Integer"),
        ({"type": "string"}, 2**31, "expected type: String, found: Long"),
        ({"type": "string"}, 2**63, "expected type: String, found: BigInteger"),
        ({"type": "array"}, {}, "expected type: JSONArray, found: JSONObject"),
        ({"type": "object"}, [], "expected type: JSONObject, found: JSONArray"),
        ({"type": "string"}, None, "expected type: String, found: Null"),
        ({"type": "null"}, "x", "expected: null, found: String"),
        ({"multipleOf": 1e-5}, 1.275888, "1.275888 is not a multiple of 1.0E-5"),
        ({"multipleOf": 0.01}, 0.001, "0.001 is not a multiple of 0.01"),
        ({"minimum": 5}, 4, "4 is not greater or equal to 5"),
        ({"minimum": 5, "exclusiveMinimum": True}, 5, "5 is not greater than 5"),
        ({"maximum": 5}, 6.5, "6.5 is not less or equal to 5"),
        ({"maximum": 5, "exclusiveMaximum": True}, 5, "5 is not less than 5"),
        ({"minLength": 3}, "éé", "expected minLength: 3, actual: 2"),
        ({"maxLength": 1}, "éé", "expected maxLength: 1, actual: 2"),
        ({"pattern": "^a"}, "b", "string [b] does not match pattern ^a"),
        ({"enum": ["a", 1]}, True, "true is not a valid enum value"),
        ({"enum": ["a", 1]}, None, "null is not a valid enum value"),
        ({"minItems": 2}, [1], "expected minimum item count: 2, found: 1"),
        ({"maxItems": 1}, [1, 2], "expected maximum item count: 1, found: 2"),
        ({"uniqueItems": True}, [1, 1], "array items are not unique"),
        ({"items": [{}], "additionalItems": False}, [1, 2], "expected: 1 array items, found: 2"),
        ({"minProperties": 1}, {}, "minimum size: [1], found: [0]"),
        ({"maxProperties": 0}, {"a": 1}, "maximum size: [0], found: [1]"),
        ({"required": ["b"]}, {}, "required key [b] not found"),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, "required key [b] not found"),
        ({"additionalProperties": False}, {"x": 1}, "extraneous key [x] is not permitted"),
        ({"not": {}}, 1, "subject must not be valid against schema {}"),
    ],
)
def test_one_failure_is_one_line(schema: dict[str, Any], value: Any, said: str) -> None:
    assert lines({"properties": {"a": schema}}, {"a": value}) == [f"#/a: {said}"]


def test_a_union_names_each_branch_in_the_order_of_the_schema() -> None:
    schema = {"properties": {"to_emails": {"type": ["array", "null"]}}}

    assert lines(schema, {"to_emails": "x"}) == [
        "#/to_emails: #: no subschema matched out of the total 2 subschemas",
        "#/to_emails: expected type: JSONArray, found: String",
        "#/to_emails: expected: null, found: String",
    ]


def test_any_of_names_what_each_branch_misses() -> None:
    schema = {"anyOf": [{"type": "array"}, {"required": ["b"], "properties": {"a": {"enum": [2]}}}]}

    assert lines(schema, {"a": 1}) == [
        "#: #: no subschema matched out of the total 2 subschemas",
        "#: expected type: JSONArray, found: JSONObject",
        "#: required key [b] not found",
        "#/a: 1 is not a valid enum value",
    ]


def test_one_of_counts_the_branches_that_fit() -> None:
    both = {"properties": {"a": {"oneOf": [{"type": "string"}, {"minLength": 1}]}}}
    none = {"properties": {"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}}}

    assert lines(both, {"a": "x"}) == ["#/a: #: 2 subschemas matched instead of one"]
    assert lines(none, {"a": 1}) == [
        "#/a: #: 0 subschemas matched instead of one",
        "#/a: expected type: String, found: Integer",
        "#/a: expected: null, found: Integer",
    ]


def test_several_failures_are_counted_first() -> None:
    schema = {
        "properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}},
        "required": ["c"],
        "additionalProperties": False,
    }

    first, *others = lines(schema, {"a": 1, "b": 2, "d": 3, "e": 4})

    assert first == "#: 6 schema violations found"
    assert sorted(others) == [
        "#/a: expected type: String, found: Integer",
        "#/b: #: no subschema matched out of the total 2 subschemas",
        "#/b: expected type: String, found: Integer",
        "#/b: expected: null, found: Integer",
        "#: extraneous key [d] is not permitted",
        "#: extraneous key [e] is not permitted",
        "#: required key [c] not found",
    ]


def test_a_path_leads_through_arrays_and_references() -> None:
    schema = {
        "properties": {"a/b": {"items": {"$ref": "#/definitions/c"}}},
        "definitions": {"c": {"properties": {"d": {"type": ["string", "integer"]}}}},
    }

    assert lines(schema, {"a/b": [{}, {"d": None}]})[1:] == [
        "#/a~1b/1/d: expected type: String, found: Null",
        "#/a~1b/1/d: expected type: Integer, found: Null",
    ]


def test_a_record_cannot_be_used_to_get_a_large_answer() -> None:
    many = lines({"additionalProperties": {"enum": []}}, {f"f{i}": "x" * 9_000 for i in range(999)})
    unknown = lines({"additionalProperties": False}, {"k" * 999 + str(i): 1 for i in range(9_999)})
    deep = lines({"properties": {"a": {"not": {}}}}, {"a": ["x" * 10_000]})

    for found in (many, unknown, deep):
        assert len(found) <= 100
        assert len(" ".join(found)) < 100_000


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (1.275888, "1.275888"),
        (1e-5, "1.0E-5"),
        (1.5e-7, "1.5E-7"),
        (100.0, "100.0"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-1.5e300, "-1.5E300"),
        (0.0, "0.0"),
        (5, "5"),
        (True, "true"),
        (None, "null"),
        ("a", "a"),
    ],
)
def test_numbers_are_printed_as_java_prints_them(value: Any, printed: str) -> None:
    assert _java(value) == printed
