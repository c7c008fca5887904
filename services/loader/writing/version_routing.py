"""Table versions: where the records of one go, and what happens when one becomes the active one.

Rules: loading behaviour 4.4. A version later than the active one waits in a schema of ours, in
tables of the same names, loaded like any table; activating it moves its rows over.
"""

from dataclasses import dataclass
from datetime import datetime

from services.loader.catalog.catalog import Catalog, DestinationConnection, TableState
from services.loader.parsing.batch_builder import RejectedRecord
from services.loader.schema import identifiers
from services.loader.writing.key_matching import KEYS_DO_NOT_MATCH
from services.loader.writing.table_writer import TableWriter
from services.loader.writing.version_activation import StagedTable, copy_staged_tables


@dataclass(frozen=True, slots=True)
class VersionTarget:
    """Where the rows of one version go, and what they are stamped with.

    ``moved`` rows of it have come before, from where they waited. What ``waits`` is counted when
    it is activated.
    """

    writer: TableWriter
    version: int
    activated_rows: int = 0
    is_staged: bool = False


class VersionRouter:
    """Of one root table, inside the load's transaction."""

    def __init__(self, connection: DestinationConnection, place: TableWriter) -> None:
        self._connection = connection
        self._catalog = Catalog(connection)
        self._writer = place

    async def target_for(self, version: int | None, now: datetime) -> VersionTarget | None:
        """None: the version is older than the active one, and nothing older may come in.

        The first version to come after the table was dropped is the active one, with all its rows:
        those too that waited for it to be activated.
        """
        active = await self._active()
        # Zero is what clients that know of no versions send (wire contract 4.3).
        wanted = version or active or 0
        if active is None:
            return VersionTarget(self._writer, wanted, await self.activate(wanted, now))
        if wanted == active:
            return VersionTarget(self._writer, wanted)
        if wanted < active:
            return None
        if self._is_taken(await self._table_state()):
            return VersionTarget(self._writer, wanted)  # where its records are rejected
        number = await self._catalog.stage_version(self._writer.schema, self._writer.table, wanted)
        schema = staging_schema(number)
        await self._connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {identifiers.quote_identifier(schema)}"
        )
        return VersionTarget(self._writer.in_schema(schema), wanted, is_staged=True)

    async def _active(self) -> int | None:
        """None when the table does not exist: the first version to come is the active one."""
        place = self._writer
        name = identifiers.quote_qualified(place.schema, place.table)
        if await self._connection.fetchval("SELECT to_regclass($1)", name) is None:
            return None
        return await self._catalog.active_version(place.schema, place.table) or 0

    async def _table_state(self) -> TableState:
        return await self._catalog.table_state(self._writer.schema, self._writer.table, ())

    def _is_taken(self, standing: TableState) -> bool:
        """By another table's sub-table, mostly (OP-43)."""
        return standing.is_name_taken(self._writer.table, root=self._writer.table)

    async def activate(self, version: int | None, now: datetime) -> int:
        """How many rows the version has; 0 also when it is not later than the active one."""
        active = await self._active()
        if version is None or (active is not None and version <= active):
            return 0
        place = self._writer
        staged = await self._catalog.staged_versions(place.schema, place.table, version)
        if active is None and version not in staged:
            return 0
        standing = await self._table_state()
        if self._is_taken(standing):
            reason = f"Table name collision on {place.table}"
            place.rejects.add([RejectedRecord(f"activate_version {version}", reason)])
            return 0
        await self._truncate(standing)
        moved = 0
        if version in staged:
            moved = await self._copy_staged(staging_schema(staged[version]), now)
        await self._catalog.register_table(
            place.schema, place.table, root=place.table, active_version=version
        )
        await self._drop_staged(staged, version)
        return moved

    async def _truncate(self, standing: TableState) -> None:
        place = self._writer
        tables = [
            identifiers.quote_qualified(place.schema, name)
            for name in sorted(standing.tables)
            if standing.root_of.get(name, place.table) == place.table
        ]
        if tables:
            await place.execute_long(f"TRUNCATE {', '.join(tables)}")

    async def _drop_staged(self, staged: dict[int, int], version: int) -> None:
        for number in staged.values():
            schema = staging_schema(number)
            await self._writer.execute_long(
                f"DROP SCHEMA {identifiers.quote_identifier(schema)} CASCADE"
            )
            await self._catalog.unregister_schema(schema)
        await self._catalog.delete_staged_versions(self._writer.schema, self._writer.table, version)

    async def _copy_staged(self, staging: str, now: datetime) -> int:
        """Root first, then its sub-tables: all rows of the staged tables that fit."""
        place = self._writer
        source = await self._catalog.table_state(staging, place.table, ())
        standing = await self._catalog.table_state(place.schema, place.table, source.tables)
        moves = {
            name: StagedTable(place, staging, name, table, standing.tables.get(name))
            for name, table in sorted(source.tables.items())
        }
        root = moves.pop(place.table, None)
        if root is None:
            return 0  # every record of the version was rejected
        if not await root.reject_key_mismatches(now):
            return 0
        children = []
        await root.prepare_target(standing)
        for name, move in moves.items():
            taken = standing.is_name_taken(name, root=place.table)
            if taken or not move.key_matches:
                what = f"all rows of the version in {name}"
                reason = f"{KEYS_DO_NOT_MATCH}: {name}"
                if taken:
                    reason = f"Table name collision on {name}"
                place.rejects.add([RejectedRecord(what, reason)])
                continue
            if not root.key_matches:
                await move.delete_sub_rows_without(root)
            await move.prepare_target(standing)
            children.append(move)
        return await copy_staged_tables(place, root, children, now)


def staging_schema(number: int) -> str:
    return f"_pushgate staged {number}"
