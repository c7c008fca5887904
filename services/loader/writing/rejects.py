"""``_sdc_rejected``: what could not be loaded, and why (loading behaviour 5.2)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import asyncpg

from services.loader.catalog.catalog import Destination
from services.loader.parsing.batch_builder import Rejected
from services.loader.parsing.rows import PLACE, REQUEST, Rows
from services.loader.schema import identifiers

# Where a record stood: its request in the load (from 1) and its index in that.
Spot = tuple[int, int]
# The records' texts, in the order asked; bodies are read again for it.
TextsOf = Callable[[Sequence[Spot]], list[str]]

_COLUMNS = ("record", "reason", "table_name", "_sdc_rejected_at")
# What the table says when somebody altered it; TypeError and ValueError is the driver.
_ALTERED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.UndefinedColumnError,
    TypeError,
    ValueError,
)


class RejectedAltered(Exception):
    """``_sdc_rejected`` takes no row any more. Told: its schema, and what the destination said."""

    def __str__(self) -> str:
        schema, said = self.args
        return (
            f"{schema}.{identifiers.REJECTED_TABLE} was altered and takes no rejected record"
            f" ({said}): give it back the columns that it was made with, then send the batch again"
        )


class Rejects:
    """Collects what a load rejects.

    Records that were flattened already are known by their spot only; their texts are read again
    at the end, once for all of them.
    """

    def __init__(self, texts_of: TextsOf) -> None:
        self._texts_of = texts_of
        self._told: list[Rejected] = []
        self._spots: list[tuple[Spot, str]] = []
        # Written already, by a statement that had the records at hand.
        self.written = 0

    def __len__(self) -> int:
        return len(self._told) + len(self._spots) + self.written

    def add(self, rejected: Sequence[Rejected]) -> None:
        self._told.extend(rejected)

    def records(self, root: Rows, reasons: Mapping[int, str]) -> None:
        """``reasons`` by ordinal; the rows are still in ``root``."""
        if reasons:
            spots = zip(root.fixed[REQUEST], root.fixed[PLACE], strict=True)
            for ordinal, spot in zip(root.owner, spots, strict=True):
                if ordinal in reasons:
                    self._spots.append((spot, reasons[ordinal]))

    def note(self, root: Rows, ordinal: int, reason: str) -> None:
        """Something of the record is left out, the rest of it is loaded."""
        self.records(root, {ordinal: reason})

    def all_records(self, root: Rows, reason: str) -> None:
        self.records(root, dict.fromkeys(root.owner, reason))

    async def write(
        self, connection: Destination, schema: str, table: str, *, now: datetime
    ) -> None:
        texts = self._texts_of([spot for spot, _ in self._spots]) if self._spots else []
        reasons = [reason for _, reason in self._spots]
        told = [
            *((each.record, each.reason) for each in self._told),
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
            raise RejectedAltered(schema, said) from error
