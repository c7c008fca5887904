"""Which batches are loaded again, and in which order that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection, Record

from events.sql_files import load_queries

# Receipts of one step; each step is done when its transaction is.
RECEIPTS_PER_STEP = 1_000


@dataclass(frozen=True, slots=True)
class ReloadSelection:
    """``tables`` as they were pushed; None is all of them."""

    integration_id: int
    tables: list[str] | None
    since: datetime | None


@dataclass(slots=True)
class ReloadCounts:
    """``tables`` counts each batch once for every table of it; ``dropped`` has no body any more."""

    batches: int = 0
    tables: int = 0
    dropped: int = 0


async def reload_batches(
    database: Connection[Record], destination: Connection[Record], chosen: ReloadSelection
) -> ReloadCounts:
    """All that were received until now, in the order of receipts. Doing it again is safe.

    Marks in the destination go first: with them the loader would take a batch for loaded.
    """
    queries, done = load_queries("cli"), ReloadCounts()
    until, after = await database.fetchval(queries["last_receipt"]), 0
    while True:
        rows = await database.fetch(
            queries["receipts_to_reload"],
            chosen.integration_id,
            after,
            until,
            chosen.since,
            chosen.tables,
            RECEIPTS_PER_STEP,
        )
        if not rows:
            return done
        after = rows[-1]["number"]
        kept = [row for row in rows if row["kept"]]
        done.dropped += len({row["number"] for row in rows if not row["kept"]})
        done.batches += len({row["number"] for row in kept})
        marks = [row["batch_id"] for row in kept], [row["place"] for row in kept]
        await _delete_loaded_markers(destination, *marks)
        done.tables += await database.fetchval(queries["reload"], *marks)


async def _delete_loaded_markers(
    destination: Connection[Record], batch_ids: list[object], places: list[int]
) -> None:
    # A destination that no loader has seen has no marks.
    if await destination.fetchval("SELECT to_regclass('_pushgate.loaded') IS NOT NULL"):
        queries = load_queries("services.loader.catalog")
        await destination.execute(queries["delete_markers"], batch_ids, places)
