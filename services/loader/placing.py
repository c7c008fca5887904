"""Putting one parcel's rows into a root table and its sub-tables, as they are and shall be.

Rules: loading behaviour 2.3, 3.2, 4.2 and 4.3. Works inside the load's transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from services.loader import fitting, naming, winners
from services.loader.assembly import TOO_MANY_COLUMNS, Parcel
from services.loader.column_types import Kind
from services.loader.destination import Books, Destination, Standing
from services.loader.plan import ExistingTable, Plan, TooManyColumns, Wanted, plan_table
from services.loader.rejects import Rejects
from services.loader.rows import CellKey, Rows, TableLoad
from services.loader.upsert import (
    Behaviour,
    ChildInsert,
    RootInsert,
    Staging,
    Stamp,
    Target,
    delete_children,
    keys_of_staged,
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
        self, connection: Destination, rejects: Rejects, *, schema: str, table: str
    ) -> None:
        self.connection = connection
        self.books = Books(connection)
        self.rejects = rejects
        self.schema = schema
        self.table = table
        self._numbers = count()

    def temporary_name(self) -> str:
        return f"pushgate_staged_{next(self._numbers)}"

    async def put(self, parcel: Parcel, stamp: Stamp) -> int:
        """How many rows were written. What can't be is rejected."""
        load = parcel.load
        if load is None or not load.root.size:
            return 0
        names = [naming.joined(self.table, path) for path in load.children]
        standing = await self.books.standing(self.schema, self.table, names)
        if standing.is_taken(self.table, root=self.table):
            self.rejects.all_records(load.root, f"Table name collision on {self.table}")
            return 0
        existing = standing.tables.get(self.table)
        if existing is None and not load.root.cells and not load.children:
            # Only nulls: nothing says which columns there should be (OP-15).
            return 0
        keys = fitting.fit_keys(existing, parcel.keys, load.root)
        self.rejects.records(load.root, keys.rejected)
        load.drop(keys.rejected.__contains__)
        behaviour = fitting.behaviour_for(existing, parcel.keys)
        if behaviour is Behaviour.APPEND_WHAT_FITS:
            reason = f"not supported yet: {fitting.KEYS_DO_NOT_MATCH}"
            self.rejects.all_records(load.root, reason)
            return 0
        if not load.root.size:
            return 0
        return await _Putting(self, load, keys.kinds, behaviour, standing).run(stamp)

    async def carry_out(self, name: str, plan: Plan, existing: ExistingTable | None) -> Target:
        await self.books.carry_out(self.schema, name, plan)
        if existing is None:
            await self.books.book_table(self.schema, name, root=self.table, active_version=None)
        own = {column.name for column in (*plan.create, *plan.adds, *plan.adopted)}
        own.update(column.name for _, column in plan.renames)
        if existing is not None:
            gone = {before for before, _ in plan.renames}
            own.update(
                column.name
                for column in existing.columns.values()
                if column.base is not None and column.name not in gone
            )
        return Target(schema=self.schema, table=name, plan=plan, own=sorted(own))


class _Putting:
    def __init__(
        self,
        place: Place,
        load: TableLoad,
        kinds: Mapping[str, Kind],
        behaviour: Behaviour,
        standing: Standing,
    ) -> None:
        self._place = place
        self._load = load
        self._kinds = kinds
        self._behaviour = behaviour
        self._standing = standing
        self._key: list[CellKey] = list(kinds.items())
        self._children: list[_Child] = []

    async def run(self, stamp: Stamp) -> int:
        self._children = self._children_that_fit()
        try:
            plan, child_plans = self._plans()
        except TooManyColumns:
            self._place.rejects.all_records(self._load.root, TOO_MANY_COLUMNS)
            return 0
        tables = self._standing.tables
        name = self._place.table
        root = await self._place.carry_out(name, plan, tables.get(name))
        for child, child_plan in zip(self._children, child_plans, strict=True):
            child.target = await self._place.carry_out(
                child.name, child_plan, tables.get(child.name)
            )
        if self._key and not winners.needs_database(self._kinds):
            lost = winners.losers(self._load.root, self._kinds)
            self._load.drop(lost.__contains__)
        return await self._write(root, stamp)

    def _plans(self) -> tuple[Plan, list[Plan]]:
        tables = self._standing.tables
        existing = tables.get(self._place.table)
        wanted = fitting.wanted_root(existing, self._kinds, self._load.root)
        return plan_table(existing, wanted), [
            plan_table(tables.get(child.name), child.wanted) for child in self._children
        ]

    def _children_that_fit(self) -> list[_Child]:
        fitting_ones = []
        for path, rows in sorted(self._load.children.items()):
            name = naming.joined(self._place.table, path)
            wanted = fitting.wanted_child(self._kinds, rows)
            reason = None
            if self._standing.is_taken(name, root=self._place.table):
                reason = f"Table name collision on {name}"
            elif not fitting.child_fits(self._standing.tables.get(name), wanted):
                reason = f"Source keys and levels of {name} do not match those of incoming data"
            if reason is None:
                fitting_ones.append(_Child(name, rows, wanted))
            else:
                # One log row a load: the sub-table is left out, its root row is not.
                self._place.rejects.records(self._load.root, {rows.owner[0]: reason})
        return fitting_ones

    async def _write(self, root: Target, stamp: Stamp) -> int:
        connection = self._place.connection
        staging = Staging(self._place.temporary_name(), self._load.root)
        await staging.fill(connection)
        if self._key and winners.needs_database(self._kinds):
            await staging.keep_winners(connection, self._key)
        insert = RootInsert(staging, root, stamp, self._key)
        old_children = self._old_children()
        won = None
        if self._behaviour is not Behaviour.APPEND and (self._children or old_children):
            won = self._place.temporary_name()
        written = await insert.run(connection, self._behaviour, won=won)
        if old_children:
            if won is None:
                won = self._place.temporary_name()
                await keys_of_staged(connection, won, staging, self._key)
            for name in old_children:
                table = naming.quote_qualified(self._place.schema, name)
                await delete_children(connection, table, won, insert.key_columns)
        for child in self._children:
            written += await self._write_child(child, staging, stamp, won)
        return written

    def _old_children(self) -> list[str]:
        """Sub-tables that may hold rows of these records already."""
        if not self._key:
            return []
        sources = {naming.source_key_column(name) for name in self._kinds}
        return [
            name
            for name, table in sorted(self._standing.tables.items())
            if self._standing.root_of.get(name) == self._place.table
            and name != self._place.table
            and sources == {c for c in table.columns if c.startswith("_sdc_source_key_")}
        ]

    async def _write_child(
        self, child: _Child, root: Staging, stamp: Stamp, won: str | None
    ) -> int:
        assert child.target is not None
        staging = Staging(self._place.temporary_name(), child.rows)
        await staging.fill(self._place.connection)
        insert = ChildInsert(staging, child.target, stamp, levels=child.rows.levels)
        return await insert.run(self._place.connection, root, self._key, won=won)
