"""A record that fails in a million ways is told of in no time, by the first member that fails."""

import time
from typing import Any

import pytest

from protocol.schemas.compiled import CompiledSchema

MANY = [1] * 9_990
BRANCHES = {"anyOf": [{"items": {"type": "string"}}] * 100}


def told(schema: dict[str, Any], data: Any) -> list[str]:
    compiled = CompiledSchema(schema)
    assert not compiled.accepts([data])
    started = time.monotonic()
    lines = compiled.violations(data, schema)
    assert time.monotonic() - started < 5
    return lines


def test_a_million_failures_of_branches_are_one_line() -> None:
    """A request of 20 kB took 26 seconds and 2 GB."""
    assert told({"properties": {"a": BRANCHES}}, {"a": MANY}) == [
        "#/a: #: no subschema matched out of the total 100 subschemas"
    ]


STRING = {"type": "string"}
WRONG = "expected type: String, found: Integer"


@pytest.mark.parametrize(
    ("schema", "data", "line"),
    [
        ({"additionalProperties": STRING}, {f"f{i}": i for i in MANY}, None),
        (
            {"additionalProperties": STRING},
            {"a": "x", "b": 1, **{f"f{i}": 1 for i in range(9_990)}},
            f"#/b: {WRONG}",
        ),
        (
            {"properties": {"a": {"items": STRING}}},
            {"a": ["x", *MANY]},
            f"#/a/1: {WRONG}",
        ),
        (
            {"properties": {"a": {"items": [STRING, STRING]}, "b": BRANCHES}},
            {"b": ["x"] * 9_990, "a": ["x", 1]},
            f"#/a/1: {WRONG}",
        ),
        (
            {"allOf": [{}, {"properties": {"a": {"items": STRING}}}]},
            {"a": ["x", *MANY]},
            f"#/a/1: {WRONG}",
        ),
        (
            {"$ref": "#/definitions/r", "definitions": {"r": {"properties": {"a": BRANCHES}}}},
            {"a": MANY},
            "#/a: #: no subschema matched out of the total 100 subschemas",
        ),
        (
            {"properties": {"a": {"oneOf": [{"items": STRING}] * 60}}},
            {"a": MANY},
            "#/a: does not conform",
        ),
        (
            {"properties": {"a": {"maxItems": 5, "items": {"anyOf": [{}] * 60}}}},
            {"a": MANY},
            "#/a: expected maximum item count: 5, found: 9990",
        ),
        (
            {"properties": {"a": {"maxItems": 5, "items": [{}], "anyOf": [{}] * 60}}},
            {"a": MANY},
            "#/a: expected maximum item count: 5, found: 9990",
        ),
        (
            {"properties": {"a": STRING, **{f"f{i}": {"type": "string"} for i in range(4_000)}}},
            {"a": 1},
            f"#/a: {WRONG}",
        ),
        (
            {
                "required": ["b"],
                "properties": {"a": BRANCHES},
                "additionalProperties": {"anyOf": [{}] * 60},
            },
            {"a": ["x"] * 9_990},
            "#: required key [b] not found",
        ),
        (
            {"patternProperties": {"^f": STRING}, "additionalProperties": BRANCHES},
            {f"f{i}": 1 for i in range(9_990)},
            "#: does not conform",
        ),
    ],
)
def test_the_first_member_that_fails_is_told(
    schema: dict[str, Any], data: Any, line: str | None
) -> None:
    assert told(schema, data) == [line or f"#/f1: {WRONG}"]


def test_what_is_small_is_told_in_full_where_it_stands() -> None:
    row = {"properties": {"x": STRING, "y": STRING}, "anyOf": [{}] * 60}
    rows = [{"x": "a", "y": "b"}] * 3_000

    assert told({"properties": {"a": {"items": row}}}, {"a": [*rows, {"x": 1, "y": 2}]}) == [
        "#: 2 schema violations found",
        f"#/a/3000/x: {WRONG}",
        f"#/a/3000/y: {WRONG}",
    ]
