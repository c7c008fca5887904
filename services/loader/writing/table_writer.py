"""Putting rows into a root table and its sub-tables, as these are and as they shall be.

Rules: loading behaviour 2.3, 3.2, 4.2, 4.3 and 4.5. Works inside the load's transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import asyncpg

from services.loader.catalog.catalog import Books, Destination, Standing
from services.loader.parsing.parse_throttle import Pace
from services.loader.parsing.rows import ORDINAL, PLACE, ROOT, CellKey, ChildKey, Rows, TableLoad
from services.loader.schema import identifiers
from services.loader.schema.column_types import Kind
from services.loader.schema.plan import (
    TOO_MANY_COLUMNS,
    ExistingTable,
    Plan,
    TooManyColumns,
    Wanted,
    plan_table,
)
from services.loader.writing import column_ranges, dedupe, key_matching
from services.loader.writing.rejects import Rejects
from services.loader.writing.staging import Parameters, Staging, Stamp, Target
from services.loader.writing.trial_insert import judge
from services.loader.writing.upsert import (
    Behaviour,
    ChildInsert,
    RootInsert,
    delete_children,
    keys_of_staged,
)

# Of temporary tables, for the life of the process: the driver keeps what it learnt of the columns
# of a table under the table's name, and would write one load's values with the types of another's.
_numbers = count()

_OUT_OF_RANGE = "22003"
_PROGRAM_LIMIT_EXCEEDED = "54000"  # an index entry or a row larger than a page takes
# The destination refuses a value, or the driver can't write it: some record's fault.
_IN_A_RECORD = (
    asyncpg.DataError,
    asyncpg.CardinalityViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    ValueError,
)


@dataclass(slots=True)
class _Child:
    name: str
    rows: Rows
    wanted: Wanted
    target: Target | None = None


class Place:
    """One root table of a schema, with its sub-tables."""

    def __init__(
        self, connection: Destination, rejects: Rejects, pace: Pace, *, schema: str, table: str
    ) -> None:
        self.connection = connection
        self.books = Books(connection)
        self.rejects = rejects
        self.pace = pace
        self.schema = schema
        self.table = table

    def in_schema(self, schema: str) -> "Place":
        """The same table elsewhere, in the same transaction."""
        return Place(self.connection, self.rejects, self.pace, schema=schema, table=self.table)

    async def execute_long(self, statement: str, *values: object) -> str:
        """A statement over many rows; answers with its status."""
        return await self.pace.execute_long(self.connection, statement, values)

    def temporary_name(self) -> str:
        return f"pushgate_staged_{next(_numbers)}"

    async def put(self, load: TableLoad, keys: Sequence[str], stamp: Stamp) -> int:
        """How many rows were written. What can't be is rejected."""
        if not load.root.size:
            return 0
        names = [identifiers.joined(self.table, path) for path, _ in load.children]
        standing = await self.books.standing(self.schema, self.table, names)
        if standing.is_taken(self.table, root=self.table):
            self.rejects.all_records(load.root, f"Table name collision on {self.table}")
            return 0
        existing = standing.tables.get(self.table)
        if existing is None and not load.root.cells and not load.children:
            # Only nulls: nothing says which columns there should be (OP-15).
            return 0
        fitted = key_matching.fit_keys(existing, keys, load.root)
        self.reject(load, fitted.rejected)
        if not load.root.size:
            return 0
        putting = _Putting(self, standing, fitted.kinds, key_matching.behaviour_for(existing, keys))
        return await putting.run(load, stamp)

    def reject(self, load: TableLoad, reasons: Mapping[int, str]) -> None:
        if reasons:
            self.rejects.records(load.root, reasons)
            load.drop(reasons.__contains__)

    async def carry_out(
        self, name: str, plan: Plan, standing: Standing, *, version: int | None
    ) -> Target:
        """Makes the table what the plan says. ``version``: the active one if the root is made."""
        existing = standing.tables.get(name)
        await self.books.carry_out(self.schema, name, plan)
        if existing is None or name not in standing.root_of:
            made = version if existing is None and name == self.table else None
            await self.books.book_table(self.schema, name, root=self.table, active_version=made)
        return Target(schema=self.schema, table=name, plan=plan, own=_own(existing, plan))


def _own(existing: ExistingTable | None, plan: Plan) -> list[str]:
    """The columns that the loader writes, after the plan."""
    own = {column.name for column in (*plan.create, *plan.adds, *plan.adopted)}
    if existing is not None:
        own.update(c.name for c in existing.columns.values() if c.base is not None)
    for before, column in plan.renames:
        own.discard(before)
        own.add(column.name)
    return sorted(own)


class _Putting:
    def __init__(
        self, place: Place, standing: Standing, kinds: Mapping[str, Kind], behaviour: Behaviour
    ) -> None:
        self._place = place
        self._standing = standing
        self._kinds = kinds
        self._behaviour = behaviour
        self._key: list[CellKey] = list(kinds.items())
        self._existing = standing.tables.get(place.table)
        self._casts = key_matching.key_casts(self._existing, kinds)

    async def run(self, load: TableLoad, stamp: Stamp) -> int:
        self._reject_other_levels(load)
        if not load.root.size:
            return 0
        children = self._children_that_fit(load)
        try:
            root = plan_table(
                self._existing, key_matching.wanted_root(self._existing, self._kinds, load.root)
            )
            plans = [
                plan_table(self._standing.tables.get(child.name), child.wanted)
                for child in children
            ]
        except TooManyColumns:
            self._place.rejects.all_records(load.root, TOO_MANY_COLUMNS)
            return 0
        target = await self._carry_out(self._place.table, root, stamp)
        targets = {
            (child.rows.path, child.rows.levels): await self._carry_out(child.name, plan, stamp)
            for child, plan in zip(children, plans, strict=True)
        }
        load.children = {(child.rows.path, child.rows.levels): child.rows for child in children}
        return await self._write(load, target, targets, stamp)

    async def _carry_out(self, name: str, plan: Plan, stamp: Stamp) -> Target:
        return await self._place.carry_out(name, plan, self._standing, version=stamp.version)

    def _reject_other_levels(self, load: TableLoad) -> None:
        """Records that lead to a sub-table by another number of arrays than it was made with.

        A table that is still to be made gets the levels of the first record that has any.
        """
        wanted: dict[str, int] = {}
        for (path, levels), rows in sorted(load.children.items(), key=_first_record):
            name = identifiers.joined(self._place.table, path)
            existing = self._standing.tables.get(name)
            if existing is not None and not self._standing.is_taken(name, root=self._place.table):
                made_with = key_matching.levels_of(existing)
                # Without any it is a customer's own, or lost its only one, which is made again.
                if made_with:
                    wanted.setdefault(path, made_with)
            if wanted.setdefault(path, levels) != levels:
                reasons = dict.fromkeys(rows.owner, key_matching.levels_reason(name))
                self._place.reject(load, reasons)

    def _children_that_fit(self, load: TableLoad) -> list[_Child]:
        fitting_ones = []
        for (path, _), rows in sorted(load.children.items()):
            name = identifiers.joined(self._place.table, path)
            wanted = key_matching.wanted_child(self._kinds, rows)
            reason = None
            if self._standing.is_taken(name, root=self._place.table):
                reason = f"Table name collision on {name}"
            elif misfit := key_matching.child_misfit(self._standing.tables.get(name), wanted):
                reason = f"{misfit}: {name}"
            if reason is None:
                fitting_ones.append(_Child(name, rows, wanted))
            else:
                # One log row a load: the sub-table is left out, its root row is not.
                self._place.rejects.note(load.root, rows.owner[0], reason)
        return fitting_ones

    async def _write(
        self, load: TableLoad, target: Target, targets: Mapping[ChildKey, Target], stamp: Stamp
    ) -> int:
        """All rows at once; when the destination refuses some, which it is then asked, the others.

        The records that the bad ones would have replaced are among the others.
        """
        try:
            async with self._place.connection.transaction():
                return await self._write_rows(self._winners(load), target, targets, stamp)
        except _IN_A_RECORD as error:
            if isinstance(error, asyncpg.ProgramLimitExceededError) and _is_no_page_limit(error):
                raise
            if load.root.size == 1:
                said = f"{error.args[0]}" if error.args else type(error).__name__
                reasons = {load.root.owner[0]: said}
                if isinstance(error, asyncpg.NumericValueOutOfRangeError):
                    reasons.update(self._narrowed(load, target, targets))
                self._place.reject(load, reasons)
                return 0
            if await self._reject_refused(load, target, targets, stamp):
                return await self._write(load, target, targets, stamp) if load.root.size else 0
        # By halves, until what can't be staged (wider than a page, mostly) stands alone.
        later = load.split(load.root.owner[load.root.size // 2])
        written = await self._write(load, target, targets, stamp)
        return written + await self._write(later, target, targets, stamp)

    def _winners(self, load: TableLoad) -> TableLoad:
        if self._key and not dedupe.needs_database(self._kinds):
            lost = dedupe.losers(load.root, self._kinds)
            if lost:
                return load.without(lost.__contains__)
        return load

    async def _reject_refused(
        self, load: TableLoad, target: Target, targets: Mapping[ChildKey, Target], stamp: Stamp
    ) -> bool:
        """Whether there were any; not, if they can't even be staged to be asked about."""
        parameters = Parameters()
        staging = Staging(self._place.temporary_name(), load.root, casts=self._casts)
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
        for key, rows in load.children.items():
            child = Staging(self._place.temporary_name(), rows)
            child_insert = ChildInsert(
                child, targets[key], stamp, levels=rows.levels, parameters=parameters
            )
            # Rows of an earlier version of the record are still there.
            statements.append(
                f"{child_insert.statement(staging, self._key)} WHERE s.{ROOT} = judged"
                " ON CONFLICT DO NOTHING"
            )
            children.append(child)
        try:
            refused = await judge(
                self._place.connection,
                self._place.pace,
                staging,
                children,
                statements=statements,
                parameters=parameters,
            )
        except _IN_A_RECORD:
            return False
        reasons = {each.ordinal: each.message for each in refused}
        out_of_range = {each.ordinal for each in refused if each.sqlstate == _OUT_OF_RANGE}
        if out_of_range:
            bad = load.without(lambda ordinal: ordinal not in out_of_range)
            reasons.update(self._narrowed(bad, target, targets))
        self._place.reject(load, reasons)
        return bool(refused)

    def _narrowed(
        self, load: TableLoad, target: Target, targets: Mapping[ChildKey, Target]
    ) -> dict[int, str]:
        """Reasons for records that only a column refuses that somebody made narrower."""
        written = [(load.root, target)]
        written += [(rows, targets[key]) for key, rows in load.children.items()]
        tables = self._standing.tables
        return column_ranges.reasons(
            (rows, column_ranges.type_names(tables.get(to.table), to.plan)) for rows, to in written
        )

    @property
    def _has_surrogate(self) -> bool:
        if self._existing is not None and identifiers.SURROGATE_KEY in self._existing.columns:
            return True
        return key_matching.makes_surrogate(self._existing, self._kinds)

    async def _write_rows(
        self, load: TableLoad, target: Target, targets: Mapping[ChildKey, Target], stamp: Stamp
    ) -> int:
        connection, pace = self._place.connection, self._place.pace
        surrogate = self._has_surrogate
        compared = bool(self._key) and dedupe.needs_database(self._kinds)
        unused = set()
        if not load.children and self._behaviour is not Behaviour.APPEND_WHAT_FITS:
            unused.add(ORDINAL)
        if not surrogate and not compared and self._key:
            unused.add(PLACE)
        staging = Staging(
            self._place.temporary_name(), load.root, without=unused, casts=self._casts
        )
        await staging.fill(connection)
        if compared:
            await staging.keep_winners(connection, pace, self._key)
        insert = RootInsert(staging, target, stamp, key=self._key, surrogate=surrogate)
        unfit: list[int] = []
        if self._behaviour is Behaviour.APPEND_WHAT_FITS:
            unfit = await self._take_out_unfit(staging, target, insert)
        old_children = self._old_children()
        won = self._place.temporary_name() if load.children or old_children else None
        if won is None or self._behaviour in (Behaviour.REPLACE, Behaviour.ONCE):
            written = await insert.run(connection, pace, self._behaviour, won=won)
        else:
            written = await insert.run(connection, pace, self._behaviour)
            if old_children:
                await keys_of_staged(connection, won, staging, self._key)
            else:
                won = None
        for name in old_children:
            assert won is not None
            table = identifiers.quote_qualified(self._place.schema, name)
            read_as = {cell[0]: self._casts.get(cell, "") for cell in self._key}
            await delete_children(connection, pace, table, won, read_as)
        for key, rows in load.children.items():
            children = Staging(self._place.temporary_name(), rows)
            await children.fill(connection)
            child_insert = ChildInsert(children, targets[key], stamp, levels=rows.levels)
            written += await child_insert.run(connection, pace, staging, self._key, won=won)
        # Last, because whatever fails before is done again.
        reasons = dict.fromkeys(unfit, key_matching.KEYS_DO_NOT_MATCH)
        self._place.rejects.records(load.root, reasons)
        return written

    async def _take_out_unfit(
        self, staging: Staging, target: Target, insert: RootInsert
    ) -> list[int]:
        assert self._existing is not None
        assert self._existing.primary_key is not None
        key = [(column, insert.reading(column)) for column in self._existing.primary_key]
        if any(
            read is None and self._existing.columns[column].fills_itself for column, read in key
        ):
            return []
        return await staging.take_out(self._place.connection, self._place.pace, target, key)

    def _old_children(self) -> list[str]:
        """Sub-tables that may hold rows of these records already."""
        if not self._key:
            return []
        sources = {identifiers.source_key_column(name): kind for name, kind in self._kinds.items()}
        return [
            name
            for name, table in sorted(self._standing.tables.items())
            if self._standing.root_of.get(name) == self._place.table
            and name != self._place.table
            and sources == key_matching.source_kinds(table)
        ]


def _first_record(item: tuple[ChildKey, Rows]) -> tuple[int, ChildKey]:
    key, rows = item
    return min(rows.owner), key


def _is_no_page_limit(error: asyncpg.ProgramLimitExceededError) -> bool:
    return error.sqlstate != _PROGRAM_LIMIT_EXCEEDED
