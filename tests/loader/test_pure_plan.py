"""Properties of names and plans, without a database."""

import re
from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loader.schema import identifiers
from services.loader.schema.column_types import SUFFIX_OF, ColumnKey, ColumnKind
from services.loader.schema.plan import (
    ExistingColumn,
    ExistingTable,
    RequiredColumns,
    TablePlan,
    TooManyColumns,
    plan_table,
)

# Few names, among them such as a split or an object of another name makes.
BASES = st.sampled_from(["a", "b", "a__st", "a__bi", "a__st__bi", "b__ti"])
CELLS = st.frozensets(st.tuples(BASES, st.sampled_from(ColumnKind)), max_size=8)
KEY = {"id": ColumnKind.BIGINT}


def wanted(cells: Iterable[ColumnKey]) -> RequiredColumns:
    return RequiredColumns(
        data=frozenset(cells), key=KEY, system={identifiers.SEQUENCE: ColumnKind.BIGINT}
    )


def carried_out(existing: ExistingTable | None, plan: TablePlan) -> ExistingTable:
    columns = dict(existing.columns) if existing else {}
    for before, column in plan.renames:
        del columns[before]
        columns[column.name] = ExistingColumn(column.name, column.kind, column.base)
    for column in (*plan.create, *plan.adds, *plan.adopted):
        columns[column.name] = ExistingColumn(column.name, column.kind, column.base)
    return ExistingTable(columns, ("id",), len(columns))


def after(loads: Iterable[Iterable[ColumnKey]]) -> ExistingTable | None:
    table = None
    for cells in loads:
        table = carried_out(table, plan_table(table, wanted(cells)))
    return table


def holdings(table: ExistingTable | None) -> dict[str, tuple[str | None, ColumnKind | None]]:
    return {} if table is None else {c.name: (c.base, c.kind) for c in table.columns.values()}


@given(st.lists(CELLS, max_size=5))
def test_planning_again_asks_for_nothing(loads: list[frozenset[ColumnKey]]) -> None:
    table = after(loads)
    everything = frozenset().union(*loads)

    assert table is None or not plan_table(table, wanted(everything)).changes_table


@given(st.lists(CELLS, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_columns_do_not_depend_on_the_order_of_loads(
    loads: list[frozenset[ColumnKey]], chances: Random
) -> None:
    shuffled = list(loads)
    chances.shuffle(shuffled)

    assert holdings(after(loads)) == holdings(after(shuffled))
    assert holdings(after(loads)) == holdings(after([frozenset().union(*loads)]))


@given(st.lists(CELLS, max_size=5))
def test_every_cell_has_a_column_of_its_own_kind(loads: list[frozenset[ColumnKey]]) -> None:
    everything = frozenset().union(*loads)
    plan = plan_table(after(loads), wanted(everything))
    table = carried_out(after(loads), plan)

    held = {name: (table.columns[name].base, table.columns[name].kind) for name in table.columns}
    assert {cell: held[name] for cell, name in plan.column_of.items()} == {
        cell: cell for cell in everything
    }
    assert len(set(plan.column_of.values())) == len(everything)


def test_a_split_renames_first_and_adds_then() -> None:
    table = after([[("c", ColumnKind.BOOLEAN)]])
    plan = plan_table(table, wanted([("c", ColumnKind.TEXT)]))

    assert [(before, column.name) for before, column in plan.renames] == [("c", "c__bo")]
    assert [column.name for column in plan.adds] == ["c__st"]


def test_key_columns_never_split() -> None:
    plan = plan_table(after([[]]), wanted([("id", ColumnKind.TEXT), ("id", ColumnKind.BIGINT)]))

    assert not plan.changes_table


def test_a_column_of_a_foreign_type_stays_as_it_is() -> None:
    columns = {"id": ExistingColumn("id", ColumnKind.BIGINT), "c": ExistingColumn("c", None)}
    plan = plan_table(ExistingTable(columns, ("id",), 2), wanted([("c", ColumnKind.TEXT)]))

    assert plan.renames == []
    assert plan.column_of == {("c", ColumnKind.TEXT): "c__st"}


def test_a_customers_column_of_another_kind_keeps_its_name_and_its_values() -> None:
    """Were it renamed it would be ours, and an update would empty it."""
    columns = {
        "id": ExistingColumn("id", ColumnKind.BIGINT, "id"),
        "note": ExistingColumn("note", ColumnKind.TEXT),
    }
    plan = plan_table(ExistingTable(columns, ("id",), 2), wanted([("note", ColumnKind.BIGINT)]))

    assert not plan.renames
    assert not plan.adopted
    assert plan.column_of == {("note", ColumnKind.BIGINT): "note__bi"}


def test_a_table_that_is_taken_over_splits_like_one_of_ours() -> None:
    """Its catalog rows may have been lost."""
    columns = {
        "id": ExistingColumn("id", ColumnKind.BIGINT),
        "x": ExistingColumn("x", ColumnKind.TEXT),
    }
    plan = plan_table(ExistingTable(columns, ("id",), 2), wanted([("x", ColumnKind.BIGINT)]))

    assert [(before, column.name) for before, column in plan.renames] == [("x", "x__st")]
    assert plan.column_of == {("x", ColumnKind.BIGINT): "x__bi"}


def test_dropped_columns_count() -> None:
    table = ExistingTable({}, None, 1599)

    with pytest.raises(TooManyColumns):
        plan_table(table, wanted([("a", ColumnKind.TEXT)]))


@given(st.text(max_size=80))
def test_canonical_names_are_ascii_and_stay_as_they_are(raw: str) -> None:
    name = identifiers.canonical(raw)

    assert re.fullmatch(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_ ]*[A-Za-z0-9_])?)?", name)
    assert identifiers.canonical(name) == name


@given(st.text(max_size=80))
def test_a_field_name_is_allowed_or_has_a_reason(raw: str) -> None:
    name = identifiers.field_name(raw)
    lowered = name.text.lower()

    reserved = lowered.endswith(tuple(SUFFIX_OF.values())) or lowered.startswith("_rjm")
    assert (name.problem is not None) >= (not name.text or reserved)


@given(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=80))
def test_a_quoted_name_is_one_identifier(name: str) -> None:
    quoted = identifiers.quote_identifier(name)

    assert re.fullmatch(r'"(?:[^"]|"")*"', quoted, re.DOTALL)
    assert quoted[1:-1].replace('""', '"') == name


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        identifiers.quote_identifier(name)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("customer!id", "customerid"),
        ("CUSTOMER! ID", "CUSTOMER ID"),
        (" padded ", "padded"),
        ("1d_click", "1d_click"),
        ("_customerid", "_customerid"),
        ("_sdc_deleted_at", "_sdc_deleted_at"),
        ("__sdc_row_number", "__sdc_row_number"),
    ],
)
def test_names_of_the_documentation(raw: str, name: str) -> None:
    assert identifiers.field_name(raw) == identifiers.CanonicalName(name)
