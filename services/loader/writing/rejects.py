"""``_sdc_rejected``: the records that could not be loaded, and why (loading behaviour 5.2)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import asyncpg

from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing.load_builder import RejectedRecord
from services.loader.parsing.rows import (
    RECORD_INDEX,
    REQUEST,
    FlattenedRecords,
    RecordPosition,
    TableRows,
)
from services.loader.schema import identifiers

# Returns the records' texts in the order of the positions; it parses bodies again.
RecordTexts = Callable[[Sequence[RecordPosition]], list[str]]

_COLUMNS = ("record", "reason", "table_name", "_sdc_rejected_at")
# Raised if someone altered the table; TypeError and ValueError come from the driver.
_ALTERED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.UndefinedColumnError,
    TypeError,
    ValueError,
)


class RejectedTableAltered(Exception):
    """``_sdc_rejected`` cannot be written. Arguments: its schema and the destination's message."""

    def __str__(self) -> str:
        schema, message = self.args
        return (
            f"{schema}.{identifiers.REJECTED_TABLE} was altered and cannot take rejected records"
            f" ({message}): restore its original columns, then retry the batch"
        )


class RejectedRecords:
    """Collects the records that a load rejects.

    Of flattened records only the position is known. Their texts are read at the end, for all of
    them together.
    """

    def __init__(self, texts_of: RecordTexts) -> None:
        self._texts_of = texts_of
        self._records: list[RejectedRecord] = []
        self._positions: list[tuple[RecordPosition, str]] = []
        # Rejected by statements that write to the table themselves.
        self.written_by_statements = 0

    def __len__(self) -> int:
        return len(self._records) + len(self._positions) + self.written_by_statements

    def add(self, rejected: Sequence[RejectedRecord]) -> None:
        self._records.extend(rejected)

    def add_rows(self, root: TableRows, reasons: Mapping[int, str]) -> None:
        """``reasons`` by ordinal, of records that are in ``root``."""
        if reasons:
            positions = zip(root.fixed[REQUEST], root.fixed[RECORD_INDEX], strict=True)
            for ordinal, position in zip(root.record_ordinals, positions, strict=True):
                if ordinal in reasons:
                    self._positions.append((position, reasons[ordinal]))

    def add_all(self, root: TableRows, reason: str) -> None:
        self.add_rows(root, dict.fromkeys(root.record_ordinals, reason))

    def take_out(self, records: FlattenedRecords, reasons: Mapping[int, str]) -> None:
        """Rejects some of ``records`` and removes them there."""
        if reasons:
            self.add_rows(records.root, reasons)
            records.drop(reasons.__contains__)

    async def write(
        self, connection: DestinationConnection, schema: str, table: str, *, now: datetime
    ) -> None:
        """Raises RejectedTableAltered."""
        texts = self._texts_of([position for position, _ in self._positions])
        reasons = [reason for _, reason in self._positions]
        records = [
            *((each.text, each.reason) for each in self._records),
            *zip(texts, reasons, strict=True),
        ]
        if not records:
            return
        # A reason can quote U+0000, which cannot be stored. In texts it is escaped.
        rows = [(text, reason.replace("\0", ""), table, now) for text, reason in records]
        try:
            await connection.copy_records_to_table(
                identifiers.REJECTED_TABLE, schema_name=schema, columns=_COLUMNS, records=rows
            )
        except _ALTERED as error:
            message = error.args[0] if error.args else type(error).__name__
            raise RejectedTableAltered(schema, message) from error
