"""Properties of flattening: no value is lost, and the result does not depend on the chunks."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.loader.parsing.flatten import flatten
from services.loader.parsing.rows import ORDINAL, FlattenedRecords, TableRows
from services.loader.parsing.type_rules import BY_VALUE, rule_of
from services.loader.schema.column_types import ColumnKind
from services.loader.schema.plan import TooManyColumns

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
)
NAMES = st.sampled_from(["a", "b", "c", "a!", "a__b", "value", "zip__st", "_sdc_x"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
RECORDS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=6)


def flat(records: list[dict[str, Any]], first: int = 0) -> FlattenedRecords:
    ordinals = list(range(first, first + len(records)))
    return flatten(records, {ORDINAL: ordinals}, BY_VALUE, table="t")


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif value is not None:
        yield value


def cells_of(load: FlattenedRecords, ordinal: int) -> list[Any]:
    return [
        value
        for rows in (load.root, *load.sub_tables.values())
        for values in rows.columns.values()
        for owner, value in zip(rows.record_ordinals, values, strict=True)
        if owner == ordinal and value is not None
    ]


@given(RECORDS)
def test_every_value_is_in_a_cell_or_its_record_has_a_reason(records: list[dict[str, Any]]) -> None:
    load = flat(records)
    assume(not load.omissions)

    for ordinal in set(range(len(records))) - load.rejected.keys():
        found = sorted(map(repr, cells_of(load, ordinal)))
        assert found == sorted(map(repr, leaves(records[ordinal])))


@given(SCALARS, SCALARS)
def test_two_spellings_of_one_field_are_two_values_or_a_collision(one: Any, other: Any) -> None:
    load = flat([{"a": one, "a!": other}, {"a": other}])

    reason = load.rejected.get(0)
    assert reason == (None if None in (one, other) else "Field collision on a")
    if reason is None:
        assert cells_of(load, 0) == [value for value in (one, other) if value is not None]


@given(RECORDS)
def test_dropped_records_leave_nothing_behind(records: list[dict[str, Any]]) -> None:
    load = flat(records)
    kept = [n for n in range(len(records)) if n % 2]
    load.drop(lambda ordinal: ordinal not in kept)

    assert all(ordinal in kept for ordinal in load.root.record_ordinals)
    assert all(owner in kept for rows in load.sub_tables.values() for owner in rows.record_ordinals)
    for rows in (load.root, *load.sub_tables.values()):
        assert all(len(values) == rows.size for values in rows.columns.values())


@given(RECORDS, st.integers(0, 6))
def test_pieces_put_together_are_the_whole(records: list[dict[str, Any]], at: int) -> None:
    whole = flat(records)
    pieces = flat(records[:at])
    pieces.extend(flat(records[at:], first=min(at, len(records))))
    assume(not whole.omissions and not pieces.omissions)

    assert pieces.rejected == whole.rejected
    assert pieces.root.columns == whole.root.columns
    assert {path: rows_of(rows) for path, rows in pieces.sub_tables.items()} == {
        path: rows_of(rows) for path, rows in whole.sub_tables.items()
    }


def rows_of(child: TableRows) -> list[str]:
    """In no order: of two fields that became one name, those of one come first in each piece."""
    columns = sorted([*child.fixed.items(), *child.columns.items()], key=repr)
    values = zip(*[column for _, column in columns], strict=True)
    return [repr([name for name, _ in columns]), *sorted(map(repr, values))]


@given(RECORDS)
def test_reasons_do_not_depend_on_the_other_records(records: list[dict[str, Any]]) -> None:
    together = flat(records).rejected

    for ordinal, record in enumerate(records):
        alone = flat([record], first=ordinal).rejected
        assert alone.get(ordinal) == together.get(ordinal)


def test_more_places_than_columns_are_refused_before_they_cost() -> None:
    records = [{f"k{n}": 1} for n in range(20_000)]

    with pytest.raises(TooManyColumns):
        flat(records)


def test_fields_that_are_null_are_no_places() -> None:
    records = [{f"k{n}": None, "x": 1} for n in range(5_000)]

    assert set(flat(records).root.columns) == {("x", ColumnKind.BIGINT)}


@pytest.mark.parametrize(
    ("schema", "value", "kind"),
    [
        ({"type": "integer"}, 1, ColumnKind.BIGINT),
        ({"type": "integer"}, 1.0, ColumnKind.BIGINT),
        ({"type": "number"}, 10, ColumnKind.DOUBLE),
        ({"type": ["integer", "number"]}, 10, ColumnKind.DOUBLE),
        ({"type": "number", "multipleOf": 0.01}, 10, ColumnKind.NUMERIC),
        ({"type": ["null", "string"], "format": "date-time"}, "2020-01-01", ColumnKind.TIMESTAMP),
        ({"type": "string", "format": "date"}, "2020-01-01", ColumnKind.TEXT),
        (
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]},
            "x",
            ColumnKind.TEXT,
        ),
        (
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]},
            "2019-08-13T21:25:03+0000",
            ColumnKind.TIMESTAMP,
        ),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, 1.5, ColumnKind.DOUBLE),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, 1, ColumnKind.BIGINT),
        ({"oneOf": [{"type": "null"}, {"type": "number"}]}, 1, ColumnKind.DOUBLE),
        ({"allOf": [{"type": "number"}, {"multipleOf": 1e-5}]}, 1, ColumnKind.NUMERIC),
        (
            {"allOf": [{"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]}]},
            "x",
            ColumnKind.TEXT,
        ),
        ({"$ref": "#/oneOf/0"}, 1, ColumnKind.DOUBLE),
        ({"anyOf": [{"type": "integer", "maximum": 9}, {"type": "number"}]}, 9, ColumnKind.BIGINT),
        ({"anyOf": [{"type": "integer", "maximum": 9}, {"type": "number"}]}, 10, ColumnKind.DOUBLE),
        (
            {"anyOf": [{"enum": ["now"]}, {"type": "string", "format": "date-time"}]},
            "now",
            ColumnKind.TEXT,
        ),
        (
            {"anyOf": [{"enum": ["now"]}, {"type": "string", "format": "date-time"}]},
            "2020-01-01",
            ColumnKind.TIMESTAMP,
        ),
        (
            {
                "oneOf": [
                    {"type": "string", "maxLength": 3},
                    {"type": "string", "format": "date-time"},
                ]
            },
            "2020-01-01",
            ColumnKind.TIMESTAMP,
        ),
        ({"items": [{"type": "number"}], "type": ["array", "integer"]}, 1, ColumnKind.BIGINT),
        ({}, 1, ColumnKind.BIGINT),
        ({"enum": ["a"]}, "a", ColumnKind.TEXT),
        ({"$ref": "#/definitions/money"}, 1.5, ColumnKind.NUMERIC),
    ],
)
def test_the_schema_of_a_batch_decides(schema: Any, value: Any, kind: ColumnKind) -> None:
    rule = rule_of(
        {
            "properties": {"x": schema},
            "definitions": {"money": {"type": "number", "multipleOf": 0.01}},
            "oneOf": [{"type": "number"}],
        }
    )

    load = flatten([{"x": value}], {ORDINAL: [0]}, rule, table="t")

    assert load.rejected == {}
    assert list(load.root.columns) == [("x", kind)]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/properties/x"},
        {"anyOf": [{"$ref": "#/properties/x"}, {"$ref": "#/properties/x"}]},
        {"allOf": [{"anyOf": [{"type": "integer"}, {"type": "integer"}]}] * 50},
    ],
)
def test_a_schema_of_endless_branches_ends(schema: Any) -> None:
    rule = rule_of({"properties": {"x": schema}})

    load = flatten([{"x": 1}], {ORDINAL: [0]}, rule, table="t")

    assert list(load.root.columns) == [("x", ColumnKind.BIGINT)]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("2020-02-29T23:59:60Z", True),
        ("2020-02-29 23:59:59+0000", True),
        ("2020-02-29T23:59:59.123456789123456789Z", True),
        ("2020-02-29T23:59:59", True),
        ("2020-02-29T23:59:60.5Z", True),
        ("2020-01-01T00:00:00+16:00", True),
        ("2020-01-01T00:00:00-2359", True),
        ("2020-02-29", True),
        ("2019-02-29", False),
        ("2020-13-01T00:00:00Z", False),
        ("2020-01-01T24:00:00Z", False),
        ("2020-01-01T00:00:00+24:00", False),
        ("2020-01-01T00:00:00+05:60", False),
        ("0000-01-01T00:00:00Z", False),
        ("2020-W01-1", False),
        ("20200101", False),
        ("yesterday", False),
    ],
)
def test_date_times_that_are_taken(text: str, taken: bool) -> None:  # noqa: FBT001 - a column of the table above
    schema = {"properties": {"x": {"type": "string", "format": "date-time"}}}

    load = flatten([{"x": text}], {ORDINAL: [0]}, rule_of(schema), table="t")

    assert (load.rejected == {}) is taken
    assert taken or load.rejected == {0: f"timestamp out of range for PostgreSQL on {text}"}


TIME_LIKE = st.from_regex(
    r"(0|1|2)0\d\d-[01]\d-[0-3]\d"
    r"([T ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,18})?(z|[+-][01]\d:?[0-6]\d)?)?\n?",
    fullmatch=True,
)


@given(st.lists(st.none() | TIME_LIKE | st.text(max_size=3), min_size=1, max_size=8))
def test_date_times_are_taken_together_as_alone(texts: list[str | None]) -> None:
    rule = rule_of({"properties": {"x": {"type": "string", "format": "date-time"}}})
    x = ("x", ColumnKind.TIMESTAMP)

    together = flatten(
        [{"x": text} for text in texts], {ORDINAL: list(range(len(texts)))}, rule, table="t"
    )

    nothing = [None] * len(texts)
    assert together.root.columns.keys() <= {x}
    for place, text in enumerate(texts):
        alone = flatten([{"x": text}], {ORDINAL: [place]}, rule, table="t")
        taken = alone.root.columns.get(x, [None])[0]
        assert together.root.columns.get(x, nothing)[place] == taken
        assert together.rejected.get(place) == alone.rejected.get(place)
