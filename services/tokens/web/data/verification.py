"""*Verify now*: the live tables against the log, and the log against its signed checkpoint."""

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

# A million events take some five seconds; a check holds one connection and stops nobody.
VERIFY_SECONDS_MAX = 60.0
LEAVES_PER_QUERY = 16_384


class CheckpointVerdict(NamedTuple):
    """``holds``: whether the events are those that were signed; ``told``: in a sentence."""

    holds: bool
    message: str
    key_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``differences``: how many rows of which table are not what the log says."""

    at: datetime
    seconds: float
    events: int
    differences: dict[str, int]
    checkpoint: CheckpointVerdict

    @property
    def holds(self) -> bool:
        return not self.differences and self.checkpoint.holds


class Verifier:
    """One check at a time for a process; the last verdict is kept for whoever looks next."""

    def __init__(self, pool: Pool[Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._running = False
        self.last_verdict: Verdict | None = None

    async def verify(self) -> Verdict:
        """Raises Busy while another check runs, or when this one takes too long."""
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
        """In one snapshot, so that facts which come meanwhile are no difference."""
        began = self._clock.monotonic()
        queries = load_queries("services.tokens.web")
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            milliseconds = str(int(VERIFY_SECONDS_MAX * 1000))
            await connection.execute(queries["set_statement_timeout"], milliseconds)
            comparison = await compare(connection, REPLAYED)
            tree = await _checkpoint_verdict(connection, comparison.size)
        return Verdict(
            at=self._clock.now(),
            seconds=round(self._clock.monotonic() - began, 2),
            events=comparison.size,
            differences=_differences(comparison),
            checkpoint=tree,
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
            holds=False, message="No checkpoint was signed yet: is the signer running?"
        )
    try:
        key = VerifierKey.parse(row["key"])
        checkpoint = open_note(row["note"], key)
    except (BadCheckpoint, ValueError) as error:
        return CheckpointVerdict(
            holds=False, message=f"The newest checkpoint cannot be read: {error}."
        )
    key_id = key.key_id.hex()
    if checkpoint.size > size:
        told = f"{checkpoint.size:,} events were signed, and {size:,} are there: some are missing."
        return CheckpointVerdict(holds=False, message=told, key_id=key_id)
    if await _root_at(connection, checkpoint.size) != checkpoint.root:
        told = f"The first {checkpoint.size:,} events are not those that were signed."
        return CheckpointVerdict(holds=False, message=told, key_id=key_id)
    return CheckpointVerdict(holds=True, message=_match_message(checkpoint, size), key_id=key_id)


def _match_message(checkpoint: Checkpoint, size: int) -> str:
    younger = size - checkpoint.size
    told = f"The first {checkpoint.size:,} events are those that were signed"
    return f"{told}; {younger:,} younger than the signature." if younger else f"{told}."


async def _root_at(connection: AnyConnection, size: int) -> bytes | None:
    """Anew from the texts; None when a number is missing. Hashing leaves the loop to others."""
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
