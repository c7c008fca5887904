"""What a journal hands to the loader: batches, their bodies, and the tables that have work."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.journal.bodies import decompress


class TableKey(NamedTuple):
    """A table of one integration; the hash stands for its name, which may have any length."""

    integration_id: int
    table_hash: int


BEFORE_FIRST_TABLE = TableKey(-1, 0)


class BatchKey(NamedTuple):
    """One table's part of one batch: a unit of loading, and of the loaded marker."""

    batch_id: UUID
    place: int


@dataclass(frozen=True, slots=True)
class Batch:
    """``number`` is the receipt's: the order of acceptance. ``bytes`` is of the whole body."""

    key: BatchKey
    number: int
    table_name: str
    records: int
    bytes: int
    received_at: datetime
    attempts: int
    endpoint: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoredBody:
    media_type: str
    compressed: bytes

    def decompressed(self) -> bytes:
        """Exactly the bytes that were parsed when the batch was accepted."""
        return decompress(self.compressed)


class Backlog(NamedTuple):
    """Batches that wait to be loaded, and failed ones; counted up to 100,000 only."""

    batches: int
    bytes: int
    failed: int
    oldest_seconds: float


def batch_key_columns(keys: Iterable[BatchKey]) -> tuple[list[UUID], list[int]]:
    """The keys as two columns, which is how statements take them."""
    pairs = list(keys)
    return [key.batch_id for key in pairs], [key.place for key in pairs]
