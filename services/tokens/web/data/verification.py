"""*Verify now*: compare the live tables with the log, and the log with its signed checkpoint."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg
from asyncpg import Pool, Record

from events.checkpoint import BadCheckpoint, Checkpoint, VerifierKey, open_note
from events.log import AnyConnection
from events.merkle import HASH_BYTES
from events.replay import Comparison, compare
from events.sql_files import load_queries
from events.tiles import TileBuilder
from services.runtime.clock import Clock
from services.tokens.refusals import Busy
from services.tokens.use_cases.drift_monitor import REPLAYED

# A million events take about five seconds. The check uses one connection and blocks nothing.
VERIFY_SECONDS_MAX = 60.0
LEAVES_PER_QUERY = 16_384


class CheckpointVerdict(NamedTuple):
    """``ok``: whether the events are those that were signed; ``message``: the result in words."""

    ok: bool
    message: str
    key_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``differences``: for each table, how many rows differ from the replayed log."""

    at: datetime
    seconds: float
    events: int
    differences: dict[str, int]
    checkpoint: CheckpointVerdict

    @property
    def ok(self) -> bool:
        return not self.differences and self.checkpoint.ok


class Verifier:
    """Runs one check at a time in each process and keeps the last verdict for the page."""

    def __init__(self, pool: Pool[Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._running = False
        self.last_verdict: Verdict | None = None

    async def verify(self) -> Verdict:
        """Raises Busy while another check runs, and if this one exceeds ``VERIFY_SECONDS_MAX``."""
        if self._running:
            raise Busy
        self._running = True
        try:
            async with asyncio.timeout(VERIFY_SECONDS_MAX):
                self.last_verdict = await self._verdict()
        except (TimeoutError, asyncpg.QueryCanceledError):
            raise Busy from None
        finally:
            self._running = False
        return self.last_verdict

    async def _verdict(self) -> Verdict:
        """In one snapshot, so that events appended meanwhile do not count as differences."""
        began = self._clock.monotonic()
        queries = load_queries("services.tokens.web")
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            milliseconds = str(int(VERIFY_SECONDS_MAX * 1000))
            await connection.execute(queries["set_statement_timeout"], milliseconds)
            comparison = await compare(connection, REPLAYED)
            checkpoint = await _checkpoint_verdict(connection, comparison.size)
        return Verdict(
            at=self._clock.now(),
            seconds=round(self._clock.monotonic() - began, 2),
            events=comparison.size,
            differences=_differences(comparison),
            checkpoint=checkpoint,
        )


def _differences(comparison: Comparison) -> dict[str, int]:
    found: dict[str, set[str]] = {}
    for difference in (*comparison.only_in_fold, *comparison.only_in_table):
        found.setdefault(difference.table, set()).add(difference.id)
    return {table: len(ids) for table, ids in found.items()}


async def _checkpoint_verdict(connection: AnyConnection, size: int) -> CheckpointVerdict:
    row = await connection.fetchrow(load_queries("services.tokens.web")["newest_checkpoint"])
    if row is None:
        return CheckpointVerdict(
            ok=False, message="No checkpoint has been signed yet. Is the signer running?"
        )
    try:
        key = VerifierKey.parse(row["key"])
        checkpoint = open_note(row["note"], key)
    except (BadCheckpoint, ValueError) as error:
        return CheckpointVerdict(
            ok=False, message=f"The newest checkpoint cannot be read: {error}."
        )
    key_id = key.key_id.hex()
    if checkpoint.size > size:
        message = (
            f"{checkpoint.size:,} events were signed but only {size:,} exist: some are missing."
        )
        return CheckpointVerdict(ok=False, message=message, key_id=key_id)
    if await _root_at(connection, checkpoint.size) != checkpoint.root:
        message = f"The first {checkpoint.size:,} events differ from the events that were signed."
        return CheckpointVerdict(ok=False, message=message, key_id=key_id)
    return CheckpointVerdict(ok=True, message=_match_message(checkpoint, size), key_id=key_id)


def _match_message(checkpoint: Checkpoint, size: int) -> str:
    newer = size - checkpoint.size
    text = f"The first {checkpoint.size:,} events match the newest signed checkpoint"
    if not newer:
        return f"{text}."
    return f"{text}; {newer:,} newer {'event is' if newer == 1 else 'events are'} not signed yet."


async def _root_at(connection: AnyConnection, size: int) -> bytes | None:
    """Recompute the root from the stored texts, in a thread; None if an event is missing."""
    query, tree = load_queries("services.tokens.web")["leaf_hashes_from_texts"], TileBuilder()
    while tree.size < size:
        start, end = tree.size, min(tree.size + LEAVES_PER_QUERY, size)
        row = await connection.fetchrow(query, start, end)
        if row is None or row["found"] != end - start:
            return None
        leaves = [
            row["hashes"][at : at + HASH_BYTES] for at in range(0, len(row["hashes"]), HASH_BYTES)
        ]
        await asyncio.to_thread(tree.extend, leaves)
    return tree.root()
