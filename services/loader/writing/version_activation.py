"""Copies the rows of a staged version into the tables of its root, which are empty.

Rules: loading behaviour 4.4 and 5.4. All rows are copied at once. If the tables refuse some,
because a customer made a column narrower, each root record is tried with its sub-rows, and those
that are refused are rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.loader.catalog.catalog import TableState
from services.loader.parsing.record_text import REJECTED_CHARACTERS_MAX
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKey, ColumnKind
from services.loader.schema.plan import ExistingTable, RequiredColumns, plan_table
from services.loader.writing.key_matching import KEYS_DO_NOT_MATCH, SYSTEM_COLUMNS
from services.loader.writing.table_preparation import apply_plan
from services.loader.writing.tables import RootTable
from services.loader.writing.trial_insert import CAUSED_BY_RECORD, TRIED, create_trial_function


class StagedTable:
    """A table of the staged version. Its rows go into the root's table of the same name.

    ``target`` is that table as it is, None if it does not exist.
    """

    def __init__(
        self,
        root: RootTable,
        staging_schema: str,
        name: str,
        source: ExistingTable,
        target: ExistingTable | None,
    ) -> None:
        self._root = root
        self._name = name
        self.source = source
        self._target = target
        self.quoted = identifiers.quote_qualified(staging_schema, name)
        self._quoted_target = identifiers.quote_qualified(root.schema, name)
        # The staged column for each column of the target, after prepare_target.
        self._columns: dict[str, str] = {}

    @property
    def key_matches(self) -> bool:
        """Whether the target has the same primary key, or none."""
        return (
            self._target is None
            or self._target.primary_key is None
            or (self._target.primary_key == self.source.primary_key and self._key_kinds_match())
        )

    def _key_kinds_match(self) -> bool:
        assert self._target is not None
        return all(
            self._target.columns[name].kind is self.source.columns[name].kind
            for name in self.source.primary_key or ()
            if name in self._target.columns
        )

    async def delete_orphans(self, root: StagedTable) -> None:
        """Deletes sub-rows of rejected root rows."""
        await self._root.connection.execute_long(
            f"DELETE FROM {self.quoted} c WHERE NOT EXISTS"
            f" (SELECT FROM {root.quoted} r WHERE {self.join_condition(root)})"
        )

    def join_condition(self, root: StagedTable) -> str:
        """True in SQL if ``c``, a row of this table, is a sub-row of the root row ``r``."""
        return " AND ".join(
            [
                f"r.{identifiers.quote_identifier(name)}"
                f" = c.{identifiers.quote_identifier(identifiers.source_key_column(name))}"
                for name in root.source.primary_key or ()
            ]
        )

    async def prepare_target(self, state: TableState) -> None:
        """Brings the target into the shape that the rows need."""
        required, staged_column_of = required_columns_of(self.source)
        plan = plan_table(self._target, required)
        await apply_plan(self._root, self._name, plan, state, version=None)
        self._columns = {name: name for name in (*required.key, *required.system)}
        for column, staged_name in staged_column_of.items():
            self._columns[plan.column_of[column]] = staged_name

    def insert_statement(self, source: str) -> str:
        """``source`` follows FROM and calls the staged row ``c``."""
        columns = ", ".join(
            [f"c.{identifiers.quote_identifier(name)}" for name in self._columns.values()]
        )
        return (
            f"INSERT INTO {self._quoted_target} ({identifiers.quote_list(list(self._columns))})"
            f" SELECT {columns} FROM {source}"
        )

    async def copy_rows(self) -> int:
        statement = self.insert_statement(f"{self.quoted} c")
        return await self._root.connection.execute_long(statement)

    # --- of the root only ---

    async def reject_key_mismatches(self, now: datetime) -> bool:
        """Rejects the rows that the target's key would refuse.

        False if that is every row, because the values have other kinds.
        """
        if self.key_matches:
            return True
        assert self._target is not None
        key = self._target.primary_key or ()
        kinds_match = all(
            name in self.source.columns
            and self.source.columns[name].kind is self._target.columns[name].kind
            for name in key
        )
        refused = "true"
        if kinds_match:
            columns = identifiers.quote_list(key)
            refused = (
                f"num_nulls({columns}) > 0"
                f" OR row_number() OVER (PARTITION BY {columns}"
                f" ORDER BY {identifiers.SEQUENCE} DESC) > 1"
            )
        await self._reject(
            f"SELECT id, $4 AS reason FROM (SELECT ctid AS id, {refused} AS refused"
            f" FROM {self.quoted}) every WHERE refused",
            now,
            KEYS_DO_NOT_MATCH,
        )
        return kinds_match

    async def reject_refused(self, sub_tables: Sequence[StagedTable], now: datetime) -> bool:
        """Rejects the records that the targets refuse, with their sub-rows; False if none."""
        connection = self._root.connection
        statements = [self.insert_statement(f"{self.quoted} c WHERE c.ctid = {TRIED}")]
        source_keys = [identifiers.source_key_column(n) for n in self.source.primary_key or ()]
        for table in sub_tables:
            await connection.execute_long(
                f"CREATE INDEX ON {table.quoted} ({identifiers.quote_list(source_keys)})"
            )
            rows = f"{table.quoted} c JOIN {self.quoted} r ON {table.join_condition(self)}"
            statements.append(table.insert_statement(f"{rows} WHERE r.ctid = {TRIED}"))
        ids = f"SELECT ctid FROM {self.quoted}"
        function = await create_trial_function(connection, ids, "tid", statements)
        refused = f"SELECT refused_id AS id, message AS reason FROM {function}()"
        found = await self._reject(refused, now)
        for table in sub_tables:
            await table.delete_orphans(self)
        return found > 0

    async def _reject(self, refused: str, now: datetime, *values: object) -> int:
        """``refused`` selects ``id`` and ``reason``; its parameters begin with $4."""
        rejected = identifiers.quote_qualified(self._root.schema, identifiers.REJECTED_TABLE)
        count = await self._root.connection.execute_long(
            f"WITH refused AS ({refused}), deleted AS (DELETE FROM {self.quoted} s USING refused"
            " WHERE s.ctid = refused.id RETURNING to_jsonb(s)::text AS record, refused.reason)"
            f" INSERT INTO {rejected}"
            " (record, reason, table_name, _sdc_rejected_at)"
            " SELECT left(record, $1), reason, $2, $3 FROM deleted",
            REJECTED_CHARACTERS_MAX,
            self._name,
            now,
            *values,
        )
        self._root.rejected.written_by_statements += count
        return count


async def copy_staged_tables(
    root: RootTable, staged_root: StagedTable, sub_tables: Sequence[StagedTable], now: datetime
) -> int:
    """Returns how many rows. Rejects records that the tables refuse, with their sub-rows."""
    tables = [staged_root, *sub_tables]
    try:
        async with root.connection.transaction():
            return sum([await table.copy_rows() for table in tables])
    except CAUSED_BY_RECORD:
        if not await staged_root.reject_refused(sub_tables, now):
            raise
    return sum([await table.copy_rows() for table in tables])


def required_columns_of(
    source: ExistingTable,
) -> tuple[RequiredColumns, dict[ColumnKey, str]]:
    """The columns that take the rows of ``source``, and the names of its data columns."""
    key: dict[str, ColumnKind] = {}
    system: dict[str, ColumnKind] = {}
    name_of: dict[ColumnKey, str] = {}
    for column in source.columns.values():
        assert column.kind is not None
        assert column.base is not None
        if source.primary_key is not None and column.name in source.primary_key:
            key[column.name] = column.kind
        elif column.name in SYSTEM_COLUMNS:
            system[column.name] = column.kind
        else:
            name_of[column.base, column.kind] = column.name
    return RequiredColumns(data=frozenset(name_of), key=key, system=system), name_of
