"""The limits of one load, and the state that all slots of a loader share."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.journal.batches import BatchKey, TableKey
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.parsing.stored_bodies import ParsedBodyCache
from services.loader.schema.identifiers import FieldNaming


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """A load may exceed ``records`` and ``bytes`` only if it has a single batch.

    Both are as large as memory allows; twice as large is hardly faster (bench/README.md).
    ``lease_seconds`` is how long a loader that hangs keeps a table from others.
    """

    records: int = 50_000
    bytes: int = 32_000_000
    lease_seconds: float = 30.0


@dataclass(slots=True)
class SharedState:
    limits: LoadLimits
    field_name: FieldNaming
    parsed_bodies: ParsedBodyCache = field(default_factory=ParsedBodyCache)
    throttle: ParseThrottle = field(default_factory=ParseThrottle)
    # Loaded markers that can be deleted, because their batches have left the journal.
    finished_markers: list[BatchKey] = field(default_factory=list)
    # Tables with a load to retry, and how many times in a row it was postponed.
    retries: dict[TableKey, int] = field(default_factory=dict)
    prefetched: int = 0
