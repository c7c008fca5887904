"""Bringing the rows of a version that waited into the tables of its root, which are empty.

Rules: loading behaviour 4.4 and 5.4: all at once; if the tables refuse some, because somebody made
a column of theirs narrower, each root record is tried with its sub-rows, and the bad ones rejected.
"""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from services.loader.catalog.catalog import TableState
from services.loader.parsing.record_text import REJECTED_CHARACTERS_MAX
from services.loader.parsing.rows import ColumnKey
from services.loader.schema import identifiers
from services.loader.schema.column_types import ColumnKind
from services.loader.schema.plan import ExistingTable, RequiredColumns, plan_table
from services.loader.writing.key_matching import KEYS_DO_NOT_MATCH, SYSTEM_COLUMNS
from services.loader.writing.table_writer import TableWriter
from services.loader.writing.trial_insert import trial_function

_CAUSED_BY_RECORD = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)


class StagedTable:
    """Of one staged table's rows into the table of that name."""

    def __init__(
        self,
        place: TableWriter,
        staging: str,
        name: str,
        source: ExistingTable,
        target: ExistingTable | None,
    ) -> None:
        self._place = place
        self._name = name
        self.source = source
        self._target = target
        self.staged = identifiers.quote_qualified(staging, name)
        self._to = identifiers.quote_qualified(place.schema, name)
        # Where each column of the table comes from, once it is as it has to be.
        self._columns: dict[str, str] = {}

    @property
    def key_matches(self) -> bool:
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

    async def delete_sub_rows_without(self, root: "StagedTable") -> None:
        """A rejected record takes its sub-rows with it."""
        await self._place.execute_long(
            f"DELETE FROM {self.staged} c WHERE NOT EXISTS"
            f" (SELECT FROM {root.staged} r WHERE {self.join_condition(root)})"
        )

    def join_condition(self, root: "StagedTable") -> str:
        """The condition under which ``c``, a row here, is one of ``r``'s sub-rows."""
        return " AND ".join(
            [
                f"r.{identifiers.quote_identifier(name)}"
                f" = c.{identifiers.quote_identifier(identifiers.source_key_column(name))}"
                for name in root.source.primary_key or ()
            ]
        )

    async def reject_key_mismatches(self, now: datetime) -> bool:
        """Takes the rows that the table's key would refuse out of the staged table.

        False when none can be left, because the values are of another kind.
        """
        if self.key_matches:
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
            columns = identifiers.quote_list(key)
            unfit = (
                f"num_nulls({columns}) > 0"
                f" OR row_number() OVER (PARTITION BY {columns}"
                f" ORDER BY {identifiers.SEQUENCE} DESC) > 1"
            )
        await self._reject(
            f"SELECT id, $4 AS reason FROM (SELECT ctid AS id, {unfit} AS unfit"
            f" FROM {self.staged}) every WHERE unfit",
            now,
            KEYS_DO_NOT_MATCH,
        )
        return known

    async def _reject(self, judged: str, now: datetime, *values: object) -> None:
        """``judged`` selects ``id`` and ``reason``; its parameters begin with $4."""
        rejected = identifiers.quote_qualified(self._place.schema, identifiers.REJECTED_TABLE)
        status = await self._place.execute_long(
            f"WITH judged AS ({judged}), gone AS (DELETE FROM {self.staged} s USING judged"
            " WHERE s.ctid = judged.id RETURNING to_jsonb(s)::text AS record, judged.reason)"
            f" INSERT INTO {rejected}"
            " (record, reason, table_name, _sdc_rejected_at)"
            " SELECT left(record, $1), reason, $2, $3 FROM gone",
            REJECTED_CHARACTERS_MAX,
            self._name,
            now,
            *values,
        )
        self._place.rejects.written_by_statements += int(status.rpartition(" ")[2])

    async def prepare_target(self, standing: TableState) -> None:
        """Brings the table into the shape that takes the rows."""
        wanted, column_of = required_columns_of(self.source)
        plan = plan_table(self._target, wanted)
        await self._place.apply_plan(self._name, plan, standing, version=None)
        self._columns = {name: name for name in (*wanted.key, *wanted.system)}
        self._columns.update((plan.column_of[cell], column) for cell, column in column_of.items())

    def insert_statement(self, source: str) -> str:
        """``source`` goes on after FROM, and calls the staged row ``c``."""
        columns = ", ".join(
            [f"c.{identifiers.quote_identifier(c)}" for c in self._columns.values()]
        )
        return (
            f"INSERT INTO {self._to} ({identifiers.quote_list(list(self._columns))})"
            f" SELECT {columns} FROM {source}"
        )

    async def copy_rows(self) -> int:
        status = await self._place.execute_long(self.insert_statement(f"{self.staged} c"))
        return int(status.rpartition(" ")[2])

    # --- of a root ---

    async def reject_refused(self, children: Sequence["StagedTable"], now: datetime) -> bool:
        """Whether the tables refused any record, alone with its sub-rows."""
        statements = [self.insert_statement(f"{self.staged} c WHERE c.ctid = trial.judged")]
        sources = [identifiers.source_key_column(name) for name in self.source.primary_key or ()]
        for child in children:
            await self._place.execute_long(
                f"CREATE INDEX ON {child.staged} ({identifiers.quote_list(sources)})"
            )
            rows = f"{child.staged} c JOIN {self.staged} r ON {child.join_condition(self)}"
            statements.append(child.insert_statement(f"{rows} WHERE r.ctid = trial.judged"))
        name = f"pg_temp.{self._place.temporary_name()}_judge"
        asked = f"SELECT ctid FROM {self.staged}"
        await self._place.connection.execute(trial_function(name, "tid", asked, statements))
        before = self._place.rejects.written_by_statements
        await self._reject(f"SELECT bad AS id, message AS reason FROM {name}()", now)
        for child in children:
            await child.delete_sub_rows_without(self)
        return self._place.rejects.written_by_statements > before


async def copy_staged_tables(
    place: TableWriter, root: StagedTable, children: Sequence[StagedTable], now: datetime
) -> int:
    """How many rows; those that the tables refuse are rejected, with their whole record."""
    moves = [root, *children]
    try:
        async with place.connection.transaction():
            return sum([await move.copy_rows() for move in moves])
    except _CAUSED_BY_RECORD:
        if not await root.reject_refused(children, now):
            raise
    return sum([await move.copy_rows() for move in moves])


def required_columns_of(source: ExistingTable) -> tuple[RequiredColumns, dict[ColumnKey, str]]:
    """What a table has to have to take the rows of ``source``, and where they stand in it."""
    key: dict[str, ColumnKind] = {}
    system: dict[str, ColumnKind] = {}
    column_of: dict[ColumnKey, str] = {}
    for column in source.columns.values():
        assert column.kind is not None
        assert column.base is not None
        if source.primary_key is not None and column.name in source.primary_key:
            key[column.name] = column.kind
        elif column.name in SYSTEM_COLUMNS:
            system[column.name] = column.kind
        else:
            column_of[column.base, column.kind] = column.name
    return RequiredColumns(data=frozenset(column_of), key=key, system=system), column_of
