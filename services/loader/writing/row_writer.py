"""Second stage of writing: brings rows into tables that are ready for them.

Rules: loading behaviour 4.2, 4.3 and 4.5. Works in the transaction of the load.
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing.rows import ORDINAL, RECORD_INDEX, FlattenedRecords
from services.loader.schema import identifiers
from services.loader.writing import column_ranges, dedupe
from services.loader.writing.key_matching import KEYS_DO_NOT_MATCH, WriteMode
from services.loader.writing.rejects import RejectedRecords
from services.loader.writing.staging import StagingTable, temporary_name
from services.loader.writing.tables import RootTable, TargetTables
from services.loader.writing.trial_insert import (
    CAUSED_BY_RECORD,
    find_rejected_rows,
    is_statement_limit,
)
from services.loader.writing.upsert import (
    LoadMetadata,
    RootInsert,
    StatementParameters,
    SubTableInsert,
    delete_sub_rows,
    note_keys_of_all,
)

_OUT_OF_RANGE = asyncpg.NumericValueOutOfRangeError.sqlstate


async def write_rows(
    root: RootTable, tables: TargetTables, records: FlattenedRecords, metadata: LoadMetadata
) -> int:
    """Writes the rows of ``records``, all in one go; returns how many rows were written.

    If the destination refuses them, the records that it refuses are found and rejected, and the
    rest is written. That can include records that a rejected one would have replaced. Records that
    cannot even be staged, mostly because they are wider than a page, are found by halving.
    """
    writer = _RowWriter(root.connection, root.rejected, tables, metadata)
    written = 0
    pending = [records]
    while pending:
        part = pending.pop()
        if not part.root.size:
            continue
        try:
            written += await writer.write(part)
        except CAUSED_BY_RECORD as error:
            if is_statement_limit(error):
                raise
            if part.root.size == 1:
                writer.reject_only(part, error)
            elif await writer.reject_refused(part):
                pending.append(part)
            else:
                later = part.split(part.root.record_ordinals[part.root.size // 2])
                pending += [later, part]
    return written


@dataclass(frozen=True, slots=True)
class _RowWriter:
    _connection: DestinationConnection
    _rejected: RejectedRecords
    _tables: TargetTables
    _metadata: LoadMetadata

    async def write(self, records: FlattenedRecords) -> int:
        """All or nothing: returns how many rows were written, or raises and writes none."""
        connection, tables = self._connection, self._tables
        async with connection.transaction():
            latest = self._without_superseded(records)
            staging = await self._stage_root(latest)
            insert = RootInsert(staging, tables, self._metadata)
            conflicting = await self._delete_conflicting(staging, insert)
            written, written_keys = await self._insert_root(insert, latest)
            for name in tables.sub_tables_to_clear:
                assert written_keys is not None
                table = identifiers.quote_qualified(tables.root.schema, name)
                casts = {column[0]: tables.key_casts.get(column, "") for column in tables.key}
                await delete_sub_rows(connection, table, written_keys, casts)
            for key, rows in latest.sub_tables.items():
                sub_staging = StagingTable(rows)
                await sub_staging.fill(connection)
                sub_insert = SubTableInsert(
                    sub_staging,
                    tables.sub_tables[key],
                    self._metadata,
                    root=staging,
                    key=tables.key,
                )
                written += await sub_insert.run(connection, written_keys)
        self._rejected.add_rows(latest.root, dict.fromkeys(conflicting, KEYS_DO_NOT_MATCH))
        return written

    def _without_superseded(self, records: FlattenedRecords) -> FlattenedRecords:
        if self._tables.key and not self._is_compared_by_database:
            superseded = dedupe.superseded_rows(records.root, self._tables.key)
            if superseded:
                return records.without(superseded.__contains__)
        return records

    @property
    def _is_compared_by_database(self) -> bool:
        return dedupe.is_compared_by_database(kind for _, kind in self._tables.key)

    async def _stage_root(self, records: FlattenedRecords) -> StagingTable:
        """Only the fixed columns that a later statement reads, and one row for each key."""
        tables, by_database = self._tables, self._is_compared_by_database
        unused = set()
        if not records.sub_tables and tables.write_mode is not WriteMode.APPEND_VALID:
            unused.add(ORDINAL)
        if tables.key and not tables.has_surrogate_key and not by_database:
            unused.add(RECORD_INDEX)
        staging = StagingTable(records.root, without=unused, casts=tables.key_casts)
        await staging.fill(self._connection)
        if by_database:
            await staging.keep_latest(self._connection, tables.key)
        return staging

    async def _delete_conflicting(self, staging: StagingTable, insert: RootInsert) -> list[int]:
        """The ordinals of rows that the table's own primary key would refuse (OP-16)."""
        existing = self._tables.root.existing
        if self._tables.write_mode is not WriteMode.APPEND_VALID:
            return []
        assert existing is not None
        assert existing.primary_key is not None
        key = [(column, insert.expression_for(column)) for column in existing.primary_key]
        if any(
            expression is None and existing.columns[column].has_default
            for column, expression in key
        ):
            return []
        return await staging.delete_conflicting(self._connection, self._tables.root.quoted, key)

    async def _insert_root(
        self, insert: RootInsert, records: FlattenedRecords
    ) -> tuple[int, str | None]:
        """Returns how many root rows were written, and a temporary table with their keys.

        The sub-tables need those keys only in some cases:

        ================================  ======================  ==============================
        sub-rows                          write mode              keys of the written root rows
        ================================  ======================  ==============================
        neither to delete nor to insert   any                     not needed
        to delete, to insert, or both     UPSERT, INSERT_IGNORE   as returned by the insert, which
                                                                  skips rows
        to delete, and perhaps to insert  APPEND, APPEND_VALID    those of all staged rows
        only to insert                    APPEND, APPEND_VALID    not needed: all staged rows are
                                                                  written
        ================================  ======================  ==============================
        """
        connection, tables = self._connection, self._tables
        if not records.sub_tables and not tables.sub_tables_to_clear:
            return await insert.run(connection), None
        if tables.write_mode in {WriteMode.UPSERT, WriteMode.INSERT_IGNORE}:
            written_keys = temporary_name()
            return await insert.run_and_note_keys(connection, written_keys), written_keys
        written = await insert.run(connection)
        if not tables.sub_tables_to_clear:
            return written, None
        return written, await note_keys_of_all(connection, insert.staging, tables.key)

    def reject_only(self, records: FlattenedRecords, error: Exception) -> None:
        """Rejects the only record there is, for which the destination raised the error."""
        reasons = {
            records.root.record_ordinals[0]: f"{error.args[0]}"
            if error.args
            else type(error).__name__
        }
        if isinstance(error, asyncpg.NumericValueOutOfRangeError):
            reasons.update(self._out_of_range(records))
        self._rejected.take_out(records, reasons)

    async def reject_refused(self, records: FlattenedRecords) -> bool:
        """Rejects the records that the destination refuses; False if it found none.

        That includes the case that the records cannot be staged for the trial.
        """
        tables, parameters = self._tables, StatementParameters()
        staging = StagingTable(records.root, casts=tables.key_casts)
        root = RootInsert(staging, tables, self._metadata, parameters)
        sub_tables = [
            SubTableInsert(
                StagingTable(rows),
                tables.sub_tables[key],
                self._metadata,
                root=staging,
                key=tables.key,
                parameters=parameters,
            )
            for key, rows in records.sub_tables.items()
        ]
        try:
            refused = await find_rejected_rows(self._connection, root, sub_tables, parameters)
        except CAUSED_BY_RECORD:
            return False
        reasons = {each.ordinal: each.message for each in refused}
        out_of_range = {each.ordinal for each in refused if each.sqlstate == _OUT_OF_RANGE}
        if out_of_range:
            bad = records.without(lambda ordinal: ordinal not in out_of_range)
            reasons.update(self._out_of_range(bad))
        self._rejected.take_out(records, reasons)
        return bool(refused)

    def _out_of_range(self, records: FlattenedRecords) -> dict[int, str]:
        """Reasons for records that are refused only because a customer made a column narrower."""
        tables = self._tables
        targets = [(records.root, tables.root)]
        targets += [(rows, tables.sub_tables[key]) for key, rows in records.sub_tables.items()]
        return column_ranges.out_of_range_reasons(
            (rows, column_ranges.type_names(target.existing, target.plan))
            for rows, target in targets
        )
