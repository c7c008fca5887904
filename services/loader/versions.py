"""Table versions: where the records of one go, and what happens when one becomes the active one.

Rules: loading behaviour 4.4. A version later than the active one waits in a schema of ours, in
tables of the same names, loaded like any table; activating it moves its rows over.
"""

from dataclasses import dataclass
from datetime import datetime

from services.loader import naming
from services.loader.assembly import Rejected
from services.loader.column_types import Kind
from services.loader.destination import Books, Destination, Standing
from services.loader.fitting import KEYS_DO_NOT_MATCH, SYSTEM_COLUMNS
from services.loader.placing import Place
from services.loader.plan import ExistingTable, Wanted, plan_table
from services.loader.record_text import REJECTED_CHARACTERS_MAX
from services.loader.rows import CellKey


@dataclass(frozen=True, slots=True)
class Way:
    """Where the rows of one version go, and what they are stamped with.

    ``moved`` rows of it have come before, from where they waited.
    """

    place: Place
    version: int
    moved: int = 0


class Versions:
    """Of one root table, inside the load's transaction."""

    def __init__(self, connection: Destination, place: Place) -> None:
        self._connection = connection
        self._books = Books(connection)
        self._place = place

    async def way_for(self, version: int | None, now: datetime) -> Way | None:
        """None: the version is older than the active one, and nothing older may come in.

        The first version to come after the table was dropped is the active one, with all its rows:
        those too that waited for it to be activated.
        """
        active = await self._active()
        # Zero is what clients that know of no versions send (wire contract 4.3).
        wanted = version or active or 0
        if active is None:
            return Way(self._place, wanted, await self.activate(wanted, now))
        if wanted == active:
            return Way(self._place, wanted)
        if wanted < active:
            return None
        if self._is_taken(await self._standing()):
            return Way(self._place, wanted)  # where its records are rejected
        number = await self._books.stage_version(self._place.schema, self._place.table, wanted)
        schema = staging_schema(number)
        await self._connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {naming.quote_identifier(schema)}"
        )
        return Way(self._place.in_schema(schema), wanted)

    async def _active(self) -> int | None:
        """None when the table does not exist: the first version to come is the active one."""
        place = self._place
        name = naming.quote_qualified(place.schema, place.table)
        if await self._connection.fetchval("SELECT to_regclass($1)", name) is None:
            return None
        return await self._books.active_version(place.schema, place.table) or 0

    async def _standing(self) -> Standing:
        return await self._books.standing(self._place.schema, self._place.table, ())

    def _is_taken(self, standing: Standing) -> bool:
        """By another table's sub-table, mostly (OP-43)."""
        return standing.is_taken(self._place.table, root=self._place.table)

    async def activate(self, version: int | None, now: datetime) -> int:
        """How many rows the version has; 0 also when it is not later than the active one."""
        active = await self._active()
        if version is None or (active is not None and version <= active):
            return 0
        place = self._place
        staged = await self._books.staged_versions(place.schema, place.table, version)
        if active is None and version not in staged:
            return 0
        standing = await self._standing()
        if self._is_taken(standing):
            reason = f"Table name collision on {place.table}"
            place.rejects.add([Rejected(f"activate_version {version}", reason)])
            return 0
        await self._truncate(standing)
        moved = 0
        if version in staged:
            moved = await self._move(staging_schema(staged[version]), now)
        await self._books.book_table(
            place.schema, place.table, root=place.table, active_version=version
        )
        await self._drop_staged(staged, version)
        return moved

    async def _truncate(self, standing: Standing) -> None:
        place = self._place
        tables = [
            naming.quote_qualified(place.schema, name)
            for name in sorted(standing.tables)
            if standing.root_of.get(name, place.table) == place.table
        ]
        if tables:
            await place.execute_long(f"TRUNCATE {', '.join(tables)}")

    async def _drop_staged(self, staged: dict[int, int], version: int) -> None:
        for number in staged.values():
            schema = staging_schema(number)
            await self._place.execute_long(f"DROP SCHEMA {naming.quote_identifier(schema)} CASCADE")
            await self._books.unbook_schema(schema)
        await self._books.unstage_versions(self._place.schema, self._place.table, version)

    async def _move(self, staging: str, now: datetime) -> int:
        """Root first, then its sub-tables: all rows of the staged tables that fit."""
        place = self._place
        source = await self._books.standing(staging, place.table, ())
        standing = await self._books.standing(place.schema, place.table, source.tables)
        moves = {
            name: _Move(place, staging, name, table, standing.tables.get(name))
            for name, table in sorted(source.tables.items())
        }
        root = moves.pop(place.table, None)
        if root is None:
            return 0  # every record of the version was rejected
        moved = 0
        if await root.reject_what_does_not_fit(now):
            moved += await root.run(standing)
        for name, move in moves.items():
            taken = standing.is_taken(name, root=place.table)
            if taken or not move.fits:
                what = f"all rows of the version in {name}"
                reason = f"{KEYS_DO_NOT_MATCH}: {name}"
                if taken:
                    reason = f"Table name collision on {name}"
                place.rejects.add([Rejected(what, reason)])
                continue
            await move.leave_out_sub_rows_without(root)
            moved += await move.run(standing)
        return moved


class _Move:
    """Of one staged table's rows into the table of that name, which is empty."""

    def __init__(
        self,
        place: Place,
        staging: str,
        name: str,
        source: ExistingTable,
        target: ExistingTable | None,
    ) -> None:
        self._place = place
        self._name = name
        self.source = source
        self._target = target
        self.staged = naming.quote_qualified(staging, name)
        self._to = naming.quote_qualified(place.schema, name)

    @property
    def fits(self) -> bool:
        """Whether the table's key, if it has one, is the staged one's."""
        return (
            self._target is None
            or self._target.primary_key is None
            or (self._target.primary_key == self.source.primary_key and self._same_kinds())
        )

    def _same_kinds(self) -> bool:
        assert self._target is not None
        return all(
            self._target.columns[name].kind is self.source.columns[name].kind
            for name in self.source.primary_key or ()
            if name in self._target.columns
        )

    async def leave_out_sub_rows_without(self, root: "_Move") -> None:
        """A rejected record takes its sub-rows with it."""
        if root.fits:
            return
        matches = [
            f"r.{naming.quote_identifier(name)}"
            f" = c.{naming.quote_identifier(naming.source_key_column(name))}"
            for name in root.source.primary_key or ()
        ]
        await self._place.execute_long(
            f"DELETE FROM {self.staged} c WHERE NOT EXISTS"
            f" (SELECT FROM {root.staged} r WHERE {' AND '.join(matches)})"
        )

    async def reject_what_does_not_fit(self, now: datetime) -> bool:
        """Takes the rows that the table's key would refuse out of the staged table.

        False when none can be left, because the values are of another kind.
        """
        if self.fits:
            return True
        assert self._target is not None
        key = self._target.primary_key or ()
        known = all(
            name in self.source.columns
            and self.source.columns[name].kind is self._target.columns[name].kind
            for name in key
        )
        unfit = "true"
        if known:
            columns = naming.quote_list(key)
            unfit = (
                f"num_nulls({columns}) > 0"
                f" OR row_number() OVER (PARTITION BY {columns}"
                f" ORDER BY {naming.SEQUENCE} DESC) > 1"
            )
        status = await self._place.execute_long(
            f"WITH judged AS (SELECT ctid AS id, {unfit} AS unfit FROM {self.staged}),"
            f" gone AS (DELETE FROM {self.staged} s USING judged"
            f" WHERE s.ctid = judged.id AND judged.unfit RETURNING to_jsonb(s)::text AS record)"
            f" INSERT INTO {naming.quote_qualified(self._place.schema, naming.REJECTED_TABLE)}"
            " SELECT left(record, $1), $2, $3, $4 FROM gone",
            REJECTED_CHARACTERS_MAX,
            KEYS_DO_NOT_MATCH,
            self._name,
            now,
        )
        self._place.rejects.written += int(status.rpartition(" ")[2])
        return known

    async def run(self, standing: Standing) -> int:
        wanted, column_of = wanted_from(self.source)
        plan = plan_table(self._target, wanted)
        await self._place.carry_out(self._name, plan, standing, version=None)
        columns = {name: name for name in (*wanted.key, *wanted.system)}
        columns.update((plan.column_of[cell], column) for cell, column in column_of.items())
        status = await self._place.execute_long(
            f"INSERT INTO {self._to} ({naming.quote_list(list(columns))})"
            f" SELECT {naming.quote_list(list(columns.values()))} FROM {self.staged}"
        )
        return int(status.rpartition(" ")[2])


def staging_schema(number: int) -> str:
    return f"_pushgate staged {number}"


def wanted_from(source: ExistingTable) -> tuple[Wanted, dict[CellKey, str]]:
    """What a table has to have to take the rows of ``source``, and where they stand in it."""
    key: dict[str, Kind] = {}
    system: dict[str, Kind] = {}
    column_of: dict[CellKey, str] = {}
    for column in source.columns.values():
        assert column.kind is not None
        assert column.base is not None
        if source.primary_key is not None and column.name in source.primary_key:
            key[column.name] = column.kind
        elif column.name in SYSTEM_COLUMNS:
            system[column.name] = column.kind
        else:
            column_of[column.base, column.kind] = column.name
    return Wanted(cells=frozenset(column_of), key=key, system=system), column_of
