"""First stage of writing: brings the tables into the shape that the records need.

Rules: loading behaviour 2.3, 3.2, 4.1 and 4.5. Works in the transaction of the load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.loader.catalog.catalog import TableState
from services.loader.parsing.rows import FlattenedRecords, SubTableKey, TableRows
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKind
from services.loader.schema.plan import TOO_MANY_COLUMNS, TablePlan, TooManyColumns, plan_table
from services.loader.writing import key_matching
from services.loader.writing.tables import RootTable, TargetTable, TargetTables


async def prepare_tables(
    root: RootTable, records: FlattenedRecords, keys: Sequence[str], *, version: int
) -> TargetTables | None:
    """Creates or alters the root table and its sub-tables; None if nothing is left to write.

    What the tables cannot take is rejected or left out, and removed from ``records``. ``version``
    becomes the active one if the root table is created.
    """
    if not records.root.size:
        return None
    names = [identifiers.join_names(root.name, path) for path, _ in records.sub_tables]
    state = await root.state(names)
    if state.is_name_taken(root.name, root=root.name):
        root.rejected.add_all(records.root, name_collision(root.name))
        return None
    existing = state.tables.get(root.name)
    if existing is None and not records.root.columns and not records.sub_tables:
        # Records with nothing but nulls do not say which columns there should be (OP-15).
        return None
    matched = key_matching.match_keys(existing, keys, records.root)
    root.rejected.take_out(records, matched.rejected)
    _reject_other_levels(root, state, records)
    _leave_out_sub_tables(root, state, records, matched.kinds)
    if not records.root.size:
        return None
    try:
        plans = _plan_tables(root, state, records, matched.kinds)
    except TooManyColumns:
        root.rejected.add_all(records.root, TOO_MANY_COLUMNS)
        return None
    targets = {
        name: await apply_plan(root, name, plan, state, version=version)
        for name, plan in plans.items()
    }
    return TargetTables(
        root=targets[root.name],
        sub_tables={
            (path, levels): targets[identifiers.join_names(root.name, path)]
            for path, levels in records.sub_tables
        },
        key=list(matched.kinds.items()),
        key_casts=key_matching.key_casts(existing, matched.kinds),
        has_surrogate_key=key_matching.needs_surrogate_key(existing, matched.kinds)
        or (existing is not None and identifiers.SURROGATE_KEY in existing.columns),
        write_mode=key_matching.write_mode_for(existing, keys),
        sub_tables_to_clear=_sub_tables_to_clear(root, state, matched.kinds),
    )


async def apply_plan(
    root: RootTable, name: str, plan: TablePlan, state: TableState, *, version: int | None
) -> TargetTable:
    """Changes one of the root's tables as planned. ``version`` is active if the root is created."""
    existing = state.tables.get(name)
    await root.catalog.apply_plan(root.schema, name, plan)
    if existing is None or name not in state.root_of:
        created = version if existing is None and name == root.name else None
        await root.catalog.register_table(root.schema, name, root=root.name, active_version=created)
    return TargetTable(schema=root.schema, name=name, plan=plan, existing=existing)


def name_collision(name: str) -> str:
    """The reason for records of a table if its name belongs to something else (OP-43)."""
    return f"Table name collision on {name}"


def _reject_other_levels(root: RootTable, state: TableState, records: FlattenedRecords) -> None:
    """Rejects records that lead to a sub-table by another number of arrays than the table has.

    A sub-table that does not exist yet gets the levels of the first record that has any.
    """
    levels_of: dict[str, int] = {}
    for (path, levels), rows in sorted(records.sub_tables.items(), key=_first_record):
        name = identifiers.join_names(root.name, path)
        existing = state.tables.get(name)
        existing_levels = 0 if existing is None else key_matching.levels_of(existing)
        # A customer's own table has no levels; one that was dropped is created again.
        if existing_levels and not state.is_name_taken(name, root=root.name):
            levels_of.setdefault(path, existing_levels)
        if levels_of.setdefault(path, levels) != levels:
            reason = key_matching.levels_mismatch(name)
            root.rejected.take_out(records, dict.fromkeys(rows.record_ordinals, reason))


def _first_record(item: tuple[SubTableKey, TableRows]) -> tuple[int, SubTableKey]:
    key, rows = item
    return min(rows.record_ordinals), key


def _leave_out_sub_tables(
    root: RootTable,
    state: TableState,
    records: FlattenedRecords,
    kinds: Mapping[str, ColumnKind],
) -> None:
    """Removes sub-tables that cannot take rows; their root rows are loaded.

    Each is reported once for the load, with the first record that has it.
    """
    for (path, levels), rows in sorted(records.sub_tables.items()):
        name = identifiers.join_names(root.name, path)
        required = key_matching.required_sub_table_columns(kinds, rows)
        if state.is_name_taken(name, root=root.name):
            reason = name_collision(name)
        elif key_matching.has_other_source_keys(state.tables.get(name), required):
            reason = f"{key_matching.KEYS_DO_NOT_MATCH}: {name}"
        else:
            continue
        root.rejected.add_rows(records.root, {rows.record_ordinals[0]: reason})
        del records.sub_tables[path, levels]


def _plan_tables(
    root: RootTable,
    state: TableState,
    records: FlattenedRecords,
    kinds: Mapping[str, ColumnKind],
) -> dict[str, TablePlan]:
    """The root's plan first, then the sub-tables', by table name. Raises TooManyColumns."""
    existing = state.tables.get(root.name)
    required = {root.name: key_matching.required_root_columns(existing, kinds, records.root)}
    for (path, _), rows in sorted(records.sub_tables.items()):
        name = identifiers.join_names(root.name, path)
        required[name] = key_matching.required_sub_table_columns(kinds, rows)
    return {name: plan_table(state.tables.get(name), columns) for name, columns in required.items()}


def _sub_tables_to_clear(
    root: RootTable, state: TableState, kinds: Mapping[str, ColumnKind]
) -> list[str]:
    """The existing sub-tables that can have sub-rows of records with these keys."""
    if not kinds:
        return []
    source_keys = {identifiers.source_key_column(name): kind for name, kind in kinds.items()}
    return [
        name
        for name, table in sorted(state.tables.items())
        if state.root_of.get(name) == root.name
        and name != root.name
        and source_keys == key_matching.source_key_kinds(table)
    ]
