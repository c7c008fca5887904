"""Table versions: where the records of one go, and what happens when one becomes the active one.

Rules: loading behaviour 4.4. A version later than the active one waits in a schema of ours, in
tables of the same names, loaded like any table; activating it moves its rows over.
"""

from dataclasses import dataclass

from services.loader import naming
from services.loader.column_types import Kind
from services.loader.destination import Books, Destination, Standing
from services.loader.fitting import SYSTEM_COLUMNS
from services.loader.placing import Place
from services.loader.plan import ExistingTable, Plan, Wanted, plan_table
from services.loader.rows import CellKey


@dataclass(frozen=True, slots=True)
class Way:
    """Where the rows of one version go, and what they are stamped with."""

    place: Place
    version: int


class Versions:
    """Of one root table, inside the load's transaction."""

    def __init__(self, connection: Destination, place: Place) -> None:
        self._connection = connection
        self._books = Books(connection)
        self._place = place

    async def way_for(self, version: int | None) -> Way | None:
        """None: the version is older than the active one, and nothing older may come in."""
        active = await self._active()
        # Zero is what clients that know of no versions send (wire contract 4.3).
        wanted = version or active or 0
        if active is None or wanted == active:
            return Way(self._place, wanted)
        if wanted < active:
            return None
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

    async def activate(self, version: int | None) -> int:
        """How many rows the version has; 0 also when it is not later than the active one."""
        active = await self._active()
        if active is None or version is None or version <= active:
            return 0
        place = self._place
        standing = await self._books.standing(place.schema, place.table, ())
        mine = [name for name in standing.tables if standing.root_of.get(name) == place.table]
        tables = [naming.quote_qualified(place.schema, name) for name in {*mine, place.table}]
        await self._connection.execute(f"TRUNCATE {', '.join(sorted(tables))}")
        moved = 0
        staged = await self._books.staged_versions(place.schema, place.table, version)
        if version in staged:
            moved = await self._move(staging_schema(staged[version]), standing)
        await self._books.book_table(
            place.schema, place.table, root=place.table, active_version=version
        )
        await self._drop_staged(staged, version)
        return moved

    async def _drop_staged(self, staged: dict[int, int], version: int) -> None:
        for number in staged.values():
            schema = staging_schema(number)
            await self._connection.execute(f"DROP SCHEMA {naming.quote_identifier(schema)} CASCADE")
            await self._books.unbook_schema(schema)
        await self._books.unstage_versions(self._place.schema, self._place.table, version)

    async def _move(self, staging: str, standing: Standing) -> int:
        """Root first, then its sub-tables: all rows of the staged tables."""
        place = self._place
        source = await self._books.standing(staging, place.table, ())
        names = sorted(source.tables, key=lambda name: (name != place.table, name))
        missing = [name for name in names if name not in standing.tables]
        standing = await self._books.standing(place.schema, place.table, missing)
        moved = 0
        for name in names:
            moved += await self._move_table(staging, name, source.tables[name], standing)
        return moved

    async def _move_table(
        self, staging: str, name: str, source: ExistingTable, standing: Standing
    ) -> int:
        wanted, column_of = wanted_from(source)
        existing = standing.tables.get(name)
        plan = plan_table(existing, wanted)
        await self._place.carry_out(name, plan, standing, version=None)
        columns = _columns_moved(wanted, plan, column_of)
        status = await self._connection.execute(
            f"INSERT INTO {naming.quote_qualified(self._place.schema, name)}"
            f" ({naming.quote_list(list(columns))})"
            f" SELECT {naming.quote_list(list(columns.values()))}"
            f" FROM {naming.quote_qualified(staging, name)}"
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


def _columns_moved(wanted: Wanted, plan: Plan, column_of: dict[CellKey, str]) -> dict[str, str]:
    columns = {name: name for name in (*wanted.key, *wanted.system)}
    columns.update((plan.column_of[cell], column) for cell, column in column_of.items())
    return columns
