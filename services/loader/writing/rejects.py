"""``_sdc_rejected``: what could not be loaded, and why (loading behaviour 5.2)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import asyncpg

from services.loader.catalog.catalog import DestinationConnection
from services.loader.parsing.batch_builder import RejectedRecord
from services.loader.parsing.rows import RECORD_INDEX, REQUEST, TableRows
from services.loader.schema import identifiers

# Where a record stood: its request in the load (from 1) and its index in that.
RecordPosition = tuple[int, int]
# The records' texts, in the order asked; bodies are read again for it.
RecordTexts = Callable[[Sequence[RecordPosition]], list[str]]

_COLUMNS = ("record", "reason", "table_name", "_sdc_rejected_at")
# What the table says when somebody altered it; TypeError and ValueError is the driver.
_ALTERED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.UndefinedColumnError,
    TypeError,
    ValueError,
)


class RejectedTableAltered(Exception):
    """``_sdc_rejected`` takes no row any more. Told: its schema, and what the destination said."""

    def __str__(self) -> str:
        schema, said = self.args
        return (
            f"{schema}.{identifiers.REJECTED_TABLE} was altered and takes no rejected record"
            f" ({said}): give it back the columns that it was made with, then send the batch again"
        )


class RejectedRecords:
    """Collects what a load rejects.

    Records that were flattened already are known by their spot only; their texts are read again
    at the end, once for all of them.
    """

    def __init__(self, texts_of: RecordTexts) -> None:
        self._texts_of = texts_of
        self._records: list[RejectedRecord] = []
        self._positions: list[tuple[RecordPosition, str]] = []
        # Written already, by a statement that had the records at hand.
        self.written_by_statements = 0

    def __len__(self) -> int:
        return len(self._records) + len(self._positions) + self.written_by_statements

    def add(self, rejected: Sequence[RejectedRecord]) -> None:
        self._records.extend(rejected)

    def add_rows(self, root: TableRows, reasons: Mapping[int, str]) -> None:
        """``reasons`` by ordinal; the rows are still in ``root``."""
        if reasons:
            spots = zip(root.fixed[REQUEST], root.fixed[RECORD_INDEX], strict=True)
            for ordinal, spot in zip(root.record_ordinals, spots, strict=True):
                if ordinal in reasons:
                    self._positions.append((spot, reasons[ordinal]))

    def add_row(self, root: TableRows, ordinal: int, reason: str) -> None:
        """Something of the record is left out, the rest of it is loaded."""
        self.add_rows(root, {ordinal: reason})

    def add_all(self, root: TableRows, reason: str) -> None:
        self.add_rows(root, dict.fromkeys(root.record_ordinals, reason))

    async def write(
        self, connection: DestinationConnection, schema: str, table: str, *, now: datetime
    ) -> None:
        texts = self._texts_of([spot for spot, _ in self._positions]) if self._positions else []
        reasons = [reason for _, reason in self._positions]
        told = [
            *((each.record, each.reason) for each in self._records),
            *zip(texts, reasons, strict=True),
        ]
        # Reasons name what was pushed, and U+0000 can't be stored. Texts have it escaped.
        rows = [(text, reason.replace("\0", ""), table, now) for text, reason in told]
        if not rows:
            return
        try:
            await connection.copy_records_to_table(
                identifiers.REJECTED_TABLE, schema_name=schema, columns=_COLUMNS, records=rows
            )
        except _ALTERED as error:
            said = error.args[0] if error.args else type(error).__name__
            raise RejectedTableAltered(schema, said) from error
