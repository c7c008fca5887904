"""Putting rows into a root table and its sub-tables, as these are and as they shall be.

Rules: loading behaviour 2.3, 3.2, 4.2, 4.3 and 4.5. Works inside the load's transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import asyncpg

from services.loader.catalog.catalog import Catalog, DestinationConnection, TableState
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.parsing.rows import (
    ORDINAL,
    RECORD_INDEX,
    ROOT,
    ColumnKey,
    FlattenedRecords,
    SubTableKey,
    TableRows,
)
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKind
from services.loader.schema.plan import (
    TOO_MANY_COLUMNS,
    ExistingTable,
    RequiredColumns,
    TablePlan,
    TooManyColumns,
    plan_table,
)
from services.loader.writing import column_ranges, dedupe, key_matching
from services.loader.writing.rejects import RejectedRecords
from services.loader.writing.staging import (
    LoadMetadata,
    StagingTable,
    StatementParameters,
    TargetTable,
)
from services.loader.writing.trial_insert import find_rejected_rows
from services.loader.writing.upsert import (
    RootInsert,
    SubTableInsert,
    WriteMode,
    create_written_keys,
    delete_sub_rows,
)

# Of temporary tables, for the life of the process: the driver keeps what it learnt of the columns
# of a table under the table's name, and would write one load's values with the types of another's.
_numbers = count()

_OUT_OF_RANGE = "22003"
_PROGRAM_LIMIT_EXCEEDED = "54000"  # an index entry or a row larger than a page takes
# The destination refuses a value, or the driver can't write it: some record's fault.
_CAUSED_BY_RECORD = (
    asyncpg.DataError,
    asyncpg.CardinalityViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    ValueError,
)


@dataclass(slots=True)
class _SubTable:
    name: str
    rows: TableRows
    wanted: RequiredColumns
    target: TargetTable | None = None


class TableWriter:
    """One root table of a schema, with its sub-tables."""

    def __init__(
        self,
        connection: DestinationConnection,
        rejects: RejectedRecords,
        pace: ParseThrottle,
        *,
        schema: str,
        table: str,
    ) -> None:
        self.connection = connection
        self.catalog = Catalog(connection)
        self.rejects = rejects
        self.throttle = pace
        self.schema = schema
        self.table = table

    def in_schema(self, schema: str) -> "TableWriter":
        """The same table elsewhere, in the same transaction."""
        return TableWriter(
            self.connection, self.rejects, self.throttle, schema=schema, table=self.table
        )

    async def execute_long(self, statement: str, *values: object) -> str:
        """A statement over many rows; answers with its status."""
        return await self.throttle.execute_long(self.connection, statement, values)

    def temporary_name(self) -> str:
        return f"pushgate_staged_{next(_numbers)}"

    async def write(self, load: FlattenedRecords, keys: Sequence[str], stamp: LoadMetadata) -> int:
        """How many rows were written. What can't be is rejected."""
        if not load.root.size:
            return 0
        names = [identifiers.join_names(self.table, path) for path, _ in load.sub_tables]
        standing = await self.catalog.table_state(self.schema, self.table, names)
        if standing.is_name_taken(self.table, root=self.table):
            self.rejects.add_all(load.root, f"Table name collision on {self.table}")
            return 0
        existing = standing.tables.get(self.table)
        if existing is None and not load.root.columns and not load.sub_tables:
            # Only nulls: nothing says which columns there should be (OP-15).
            return 0
        fitted = key_matching.match_keys(existing, keys, load.root)
        self.reject(load, fitted.rejected)
        if not load.root.size:
            return 0
        putting = _RowWriter(
            self, standing, fitted.kinds, key_matching.write_mode_for(existing, keys)
        )
        return await putting.run(load, stamp)

    def reject(self, load: FlattenedRecords, reasons: Mapping[int, str]) -> None:
        if reasons:
            self.rejects.add_rows(load.root, reasons)
            load.drop(reasons.__contains__)

    async def apply_plan(
        self, name: str, plan: TablePlan, standing: TableState, *, version: int | None
    ) -> TargetTable:
        """Makes the table what the plan says. ``version``: the active one if the root is made."""
        existing = standing.tables.get(name)
        await self.catalog.apply_plan(self.schema, name, plan)
        if existing is None or name not in standing.root_of:
            made = version if existing is None and name == self.table else None
            await self.catalog.register_table(
                self.schema, name, root=self.table, active_version=made
            )
        return TargetTable(schema=self.schema, table=name, plan=plan, own=_own(existing, plan))


def _own(existing: ExistingTable | None, plan: TablePlan) -> list[str]:
    """The columns that the loader writes, after the plan."""
    own = {column.name for column in (*plan.create, *plan.adds, *plan.adopted)}
    if existing is not None:
        own.update(c.name for c in existing.columns.values() if c.base is not None)
    for before, column in plan.renames:
        own.discard(before)
        own.add(column.name)
    return sorted(own)


class _RowWriter:
    def __init__(
        self,
        place: TableWriter,
        standing: TableState,
        kinds: Mapping[str, ColumnKind],
        behaviour: WriteMode,
    ) -> None:
        self._writer = place
        self._state = standing
        self._kinds = kinds
        self._behaviour = behaviour
        self._key: list[ColumnKey] = list(kinds.items())
        self._existing = standing.tables.get(place.table)
        self._casts = key_matching.key_casts(self._existing, kinds)

    async def run(self, load: FlattenedRecords, stamp: LoadMetadata) -> int:
        self._reject_other_levels(load)
        if not load.root.size:
            return 0
        children = self._matching_sub_tables(load)
        try:
            root = plan_table(
                self._existing,
                key_matching.required_root_columns(self._existing, self._kinds, load.root),
            )
            plans = [
                plan_table(self._state.tables.get(child.name), child.wanted) for child in children
            ]
        except TooManyColumns:
            self._writer.rejects.add_all(load.root, TOO_MANY_COLUMNS)
            return 0
        target = await self._apply_plan(self._writer.table, root, stamp)
        targets = {
            (child.rows.path, child.rows.levels): await self._apply_plan(child.name, plan, stamp)
            for child, plan in zip(children, plans, strict=True)
        }
        load.sub_tables = {(child.rows.path, child.rows.levels): child.rows for child in children}
        return await self._write(load, target, targets, stamp)

    async def _apply_plan(self, name: str, plan: TablePlan, stamp: LoadMetadata) -> TargetTable:
        return await self._writer.apply_plan(name, plan, self._state, version=stamp.version)

    def _reject_other_levels(self, load: FlattenedRecords) -> None:
        """Records that lead to a sub-table by another number of arrays than it was made with.

        A table that is still to be made gets the levels of the first record that has any.
        """
        wanted: dict[str, int] = {}
        for (path, levels), rows in sorted(load.sub_tables.items(), key=_first_record):
            name = identifiers.join_names(self._writer.table, path)
            existing = self._state.tables.get(name)
            if existing is not None and not self._state.is_name_taken(
                name, root=self._writer.table
            ):
                made_with = key_matching.levels_of(existing)
                # Without any it is a customer's own, or lost its only one, which is made again.
                if made_with:
                    wanted.setdefault(path, made_with)
            if wanted.setdefault(path, levels) != levels:
                reasons = dict.fromkeys(rows.record_ordinals, key_matching.levels_mismatch(name))
                self._writer.reject(load, reasons)

    def _matching_sub_tables(self, load: FlattenedRecords) -> list[_SubTable]:
        fitting_ones = []
        for (path, _), rows in sorted(load.sub_tables.items()):
            name = identifiers.join_names(self._writer.table, path)
            wanted = key_matching.required_sub_table_columns(self._kinds, rows)
            reason = None
            if self._state.is_name_taken(name, root=self._writer.table):
                reason = f"Table name collision on {name}"
            elif misfit := key_matching.sub_table_mismatch(self._state.tables.get(name), wanted):
                reason = f"{misfit}: {name}"
            if reason is None:
                fitting_ones.append(_SubTable(name, rows, wanted))
            else:
                # One log row a load: the sub-table is left out, its root row is not.
                self._writer.rejects.add_row(load.root, rows.record_ordinals[0], reason)
        return fitting_ones

    async def _write(
        self,
        load: FlattenedRecords,
        target: TargetTable,
        targets: Mapping[SubTableKey, TargetTable],
        stamp: LoadMetadata,
    ) -> int:
        """All rows at once; when the destination refuses some, which it is then asked, the others.

        The records that the bad ones would have replaced are among the others.
        """
        try:
            async with self._writer.connection.transaction():
                return await self._write_rows(
                    self._without_superseded(load), target, targets, stamp
                )
        except _CAUSED_BY_RECORD as error:
            if isinstance(error, asyncpg.ProgramLimitExceededError) and _is_no_page_limit(error):
                raise
            if load.root.size == 1:
                said = f"{error.args[0]}" if error.args else type(error).__name__
                reasons = {load.root.record_ordinals[0]: said}
                if isinstance(error, asyncpg.NumericValueOutOfRangeError):
                    reasons.update(self._out_of_range(load, target, targets))
                self._writer.reject(load, reasons)
                return 0
            if await self._reject_refused(load, target, targets, stamp):
                return await self._write(load, target, targets, stamp) if load.root.size else 0
        # By halves, until what can't be staged (wider than a page, mostly) stands alone.
        later = load.split(load.root.record_ordinals[load.root.size // 2])
        written = await self._write(load, target, targets, stamp)
        return written + await self._write(later, target, targets, stamp)

    def _without_superseded(self, load: FlattenedRecords) -> FlattenedRecords:
        if self._key and not dedupe.is_compared_by_database(self._kinds):
            lost = dedupe.superseded_rows(load.root, self._kinds)
            if lost:
                return load.without(lost.__contains__)
        return load

    async def _reject_refused(
        self,
        load: FlattenedRecords,
        target: TargetTable,
        targets: Mapping[SubTableKey, TargetTable],
        stamp: LoadMetadata,
    ) -> bool:
        """Whether there were any; not, if they can't even be staged to be asked about."""
        parameters = StatementParameters()
        staging = StagingTable(self._writer.temporary_name(), load.root, casts=self._casts)
        insert = RootInsert(
            staging,
            target,
            stamp,
            key=self._key,
            surrogate=self._has_surrogate,
            parameters=parameters,
        )
        statements = [insert.statement(self._behaviour, f"s.{ORDINAL} = judged")]
        children = []
        for key, rows in load.sub_tables.items():
            child = StagingTable(self._writer.temporary_name(), rows)
            child_insert = SubTableInsert(
                child, targets[key], stamp, levels=rows.levels, parameters=parameters
            )
            # Rows of an earlier version of the record are still there.
            statements.append(
                f"{child_insert.statement(staging, self._key)} WHERE s.{ROOT} = judged"
                " ON CONFLICT DO NOTHING"
            )
            children.append(child)
        try:
            refused = await find_rejected_rows(
                self._writer.connection,
                self._writer.throttle,
                staging,
                children,
                statements=statements,
                parameters=parameters,
            )
        except _CAUSED_BY_RECORD:
            return False
        reasons = {each.ordinal: each.message for each in refused}
        out_of_range = {each.ordinal for each in refused if each.sqlstate == _OUT_OF_RANGE}
        if out_of_range:
            bad = load.without(lambda ordinal: ordinal not in out_of_range)
            reasons.update(self._out_of_range(bad, target, targets))
        self._writer.reject(load, reasons)
        return bool(refused)

    def _out_of_range(
        self,
        load: FlattenedRecords,
        target: TargetTable,
        targets: Mapping[SubTableKey, TargetTable],
    ) -> dict[int, str]:
        """Reasons for records that only a column refuses that somebody made narrower."""
        written = [(load.root, target)]
        written += [(rows, targets[key]) for key, rows in load.sub_tables.items()]
        tables = self._state.tables
        return column_ranges.out_of_range_reasons(
            (rows, column_ranges.type_names(tables.get(to.table), to.plan)) for rows, to in written
        )

    @property
    def _has_surrogate(self) -> bool:
        if self._existing is not None and identifiers.SURROGATE_KEY in self._existing.columns:
            return True
        return key_matching.needs_surrogate_key(self._existing, self._kinds)

    async def _write_rows(
        self,
        load: FlattenedRecords,
        target: TargetTable,
        targets: Mapping[SubTableKey, TargetTable],
        stamp: LoadMetadata,
    ) -> int:
        connection, pace = self._writer.connection, self._writer.throttle
        surrogate = self._has_surrogate
        compared = bool(self._key) and dedupe.is_compared_by_database(self._kinds)
        unused = set()
        if not load.sub_tables and self._behaviour is not WriteMode.APPEND_VALID:
            unused.add(ORDINAL)
        if not surrogate and not compared and self._key:
            unused.add(RECORD_INDEX)
        staging = StagingTable(
            self._writer.temporary_name(), load.root, without=unused, casts=self._casts
        )
        await staging.fill(connection)
        if compared:
            await staging.keep_latest(connection, pace, self._key)
        insert = RootInsert(staging, target, stamp, key=self._key, surrogate=surrogate)
        unfit: list[int] = []
        if self._behaviour is WriteMode.APPEND_VALID:
            unfit = await self._delete_conflicting(staging, target, insert)
        old_children = self._existing_sub_tables()
        won = self._writer.temporary_name() if load.sub_tables or old_children else None
        if won is None or self._behaviour in (WriteMode.UPSERT, WriteMode.INSERT_IGNORE):
            written = await insert.run(connection, pace, self._behaviour, won=won)
        else:
            written = await insert.run(connection, pace, self._behaviour)
            if old_children:
                await create_written_keys(connection, won, staging, self._key)
            else:
                won = None
        for name in old_children:
            assert won is not None
            table = identifiers.quote_qualified(self._writer.schema, name)
            read_as = {cell[0]: self._casts.get(cell, "") for cell in self._key}
            await delete_sub_rows(connection, pace, table, won, read_as)
        for key, rows in load.sub_tables.items():
            children = StagingTable(self._writer.temporary_name(), rows)
            await children.fill(connection)
            child_insert = SubTableInsert(children, targets[key], stamp, levels=rows.levels)
            written += await child_insert.run(connection, pace, staging, self._key, won=won)
        # Last, because whatever fails before is done again.
        reasons = dict.fromkeys(unfit, key_matching.KEYS_DO_NOT_MATCH)
        self._writer.rejects.add_rows(load.root, reasons)
        return written

    async def _delete_conflicting(
        self, staging: StagingTable, target: TargetTable, insert: RootInsert
    ) -> list[int]:
        assert self._existing is not None
        assert self._existing.primary_key is not None
        key = [(column, insert.reading(column)) for column in self._existing.primary_key]
        if any(read is None and self._existing.columns[column].has_default for column, read in key):
            return []
        return await staging.delete_conflicting(
            self._writer.connection, self._writer.throttle, target, key
        )

    def _existing_sub_tables(self) -> list[str]:
        """Sub-tables that may hold rows of these records already."""
        if not self._key:
            return []
        sources = {identifiers.source_key_column(name): kind for name, kind in self._kinds.items()}
        return [
            name
            for name, table in sorted(self._state.tables.items())
            if self._state.root_of.get(name) == self._writer.table
            and name != self._writer.table
            and sources == key_matching.source_key_kinds(table)
        ]


def _first_record(item: tuple[SubTableKey, TableRows]) -> tuple[int, SubTableKey]:
    key, rows = item
    return min(rows.record_ordinals), key


def _is_no_page_limit(error: asyncpg.ProgramLimitExceededError) -> bool:
    return error.sqlstate != _PROGRAM_LIMIT_EXCEEDED
