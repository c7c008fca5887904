"""Table versions: where the records of a version go, and what happens when it becomes active.

Rules: loading behaviour 4.4. A version later than the active one is staged: loaded like any table,
into tables of the same names in a schema of the loader. Its activation copies the rows from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.loader.catalog.catalog import TableState
from services.loader.parsing.load_builder import RejectedRecord
from services.loader.schema import identifiers
from services.loader.writing.key_matching import KEYS_DO_NOT_MATCH
from services.loader.writing.table_preparation import name_collision
from services.loader.writing.tables import RootTable
from services.loader.writing.version_activation import StagedTable, copy_staged_tables


@dataclass(frozen=True, slots=True)
class VersionTarget:
    """The table for the records of one version.

    ``activated_rows`` of the version were staged before and have just become active. The rows of a
    staged version are counted when it is activated.
    """

    root: RootTable
    version: int
    activated_rows: int = 0
    is_staged: bool = False


class VersionRouter:
    """For one root table, within the transaction of one load."""

    def __init__(self, root: RootTable) -> None:
        self._root = root
        self._catalog = root.catalog

    async def target_for(self, version: int | None, now: datetime) -> VersionTarget | None:
        """None if the version is older than the active one: its records are left out.

        If the table does not exist (any more), the version becomes active, with the rows of it that
        were staged.
        """
        active = await self._active()
        # Clients without versions send 0 (wire contract 4.3).
        requested = version or active or 0
        if active is None:
            activated_rows = await self.activate(requested, now)
            return VersionTarget(self._root, requested, activated_rows)
        if requested == active:
            return VersionTarget(self._root, requested)
        if requested < active:
            return None
        if self._is_name_taken(await self._root.state()):
            return VersionTarget(self._root, requested)  # which rejects the records
        number = await self._catalog.stage_version(self._root.schema, self._root.name, requested)
        schema = staging_schema(number)
        await self._root.connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {identifiers.quote_identifier(schema)}"
        )
        return VersionTarget(self._root.in_schema(schema), requested, is_staged=True)

    async def _active(self) -> int | None:
        """None if the table does not exist."""
        root = self._root
        name = identifiers.quote_qualified(root.schema, root.name)
        if await root.connection.fetchval("SELECT to_regclass($1)", name) is None:
            return None
        return await self._catalog.active_version(root.schema, root.name) or 0

    def _is_name_taken(self, state: TableState) -> bool:
        """Mostly by another table's sub-table (OP-43)."""
        return state.is_name_taken(self._root.name, root=self._root.name)

    async def activate(self, version: int | None, now: datetime) -> int:
        """Returns how many rows the version has, 0 if it is not later than the active one."""
        active = await self._active()
        if version is None or (active is not None and version <= active):
            return 0
        root = self._root
        staged = await self._catalog.staged_versions(root.schema, root.name, version)
        if active is None and version not in staged:
            return 0
        state = await root.state()
        if self._is_name_taken(state):
            reason = name_collision(root.name)
            root.rejected.add([RejectedRecord(f"activate_version {version}", reason)])
            return 0
        await self._truncate(state)
        rows = 0
        if version in staged:
            rows = await self._copy_staged(staging_schema(staged[version]), now)
        await self._catalog.register_table(
            root.schema, root.name, root=root.name, active_version=version
        )
        await self._drop_staged(staged, version)
        return rows

    async def _truncate(self, state: TableState) -> None:
        root = self._root
        tables = [
            identifiers.quote_qualified(root.schema, name)
            for name in sorted(state.tables)
            if state.root_of.get(name, root.name) == root.name
        ]
        if tables:
            await root.connection.execute_long(f"TRUNCATE {', '.join(tables)}")

    async def _drop_staged(self, staged: dict[int, int], version: int) -> None:
        for number in staged.values():
            schema = staging_schema(number)
            await self._root.connection.execute_long(
                f"DROP SCHEMA {identifiers.quote_identifier(schema)} CASCADE"
            )
            await self._catalog.unregister_schema(schema)
        await self._catalog.delete_staged_versions(self._root.schema, self._root.name, version)

    async def _copy_staged(self, schema: str, now: datetime) -> int:
        """Copies all rows of the staged tables that match, the root's first."""
        root = self._root
        staged_state = await root.in_schema(schema).state()
        state = await root.state(staged_state.tables)
        staged_tables = {
            name: StagedTable(root, schema, name, table, state.tables.get(name))
            for name, table in sorted(staged_state.tables.items())
        }
        staged_root = staged_tables.pop(root.name, None)
        if staged_root is None:
            return 0  # every record of the version was rejected
        if not await staged_root.reject_key_mismatches(now):
            return 0
        await staged_root.prepare_target(state)
        sub_tables = []
        for name, staged in staged_tables.items():
            taken = state.is_name_taken(name, root=root.name)
            if taken or not staged.key_matches:
                reason = name_collision(name) if taken else f"{KEYS_DO_NOT_MATCH}: {name}"
                root.rejected.add([RejectedRecord(f"all rows of the version in {name}", reason)])
                continue
            if not staged_root.key_matches:
                await staged.delete_orphans(staged_root)
            await staged.prepare_target(state)
            sub_tables.append(staged)
        return await copy_staged_tables(root, staged_root, sub_tables, now)


def staging_schema(number: int) -> str:
    return f"_pushgate staged {number}"
