"""Parsing of a prefetched load yields to running loads until the load is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from events.ids import new_worker_id
from services.journal.batches import TableKey
from services.journal.claims import Claims, loader_application_name
from services.loader.parsing import parse_throttle, stored_bodies
from services.loader.scheduling.prefetch import Prefetcher
from services.loader.scheduling.shared_state import LoadLimits, SharedState
from services.loader.schema.identifiers import field_name
from services.runtime.database import pool
from tests.database.fixtures import as_role
from tests.loader.gate import INTEGRATION, Gate

# Far longer than anything takes, so that a wait that does not end is noticed.
REST_SECONDS = 60.0
SECONDS_MAX = 10.0


@pytest.fixture(autouse=True)
def a_rest_after_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_throttle, "YIELD_SECONDS_MAX", REST_SECONDS)
    monkeypatch.setattr(stored_bodies, "BYTES_BETWEEN_YIELDS", 1)


@pytest.fixture
def shared() -> SharedState:
    """Loads of one batch each."""
    return SharedState(LoadLimits(records=1), field_name)


@asynccontextmanager
async def preparing(gate: Gate, shared: SharedState) -> AsyncIterator[Prefetcher]:
    for n in range(3):
        await gate.push("t", ["id"], {"id": n})
    table_hash = await gate.journal.fetchval("SELECT table_hash FROM journal.pending LIMIT 1")
    holder = new_worker_id()
    url = as_role(gate.database_url, "pushgate_loader")
    async with (
        pool(url, application_name=loader_application_name(holder), connections_max=2) as journal,
        Prefetcher(Claims(journal, holder), shared, TableKey(INTEGRATION, table_hash)) as made,
    ):
        yield made


async def test_the_first_load_does_not_rest_however_much_others_hurry(
    gate: Gate, shared: SharedState
) -> None:
    async with preparing(gate, shared) as loads:
        with shared.throttle.foreground():
            first = await loads.next()
            assert first is not None
            read = await asyncio.wait_for(first.read, SECONDS_MAX)

    assert read.parsed.records == 1


async def test_a_load_that_rests_ahead_of_its_time_goes_on_when_it_is_wanted(
    gate: Gate, shared: SharedState
) -> None:
    async with preparing(gate, shared) as loads:
        first = await loads.next()
        assert first is not None
        await first.read
        with shared.throttle.foreground():
            loads.prefetch_next()
            second = await loads.next()
            assert second is not None
            await asyncio.wait_for(second.read, SECONDS_MAX)

    assert shared.prefetched == 0


async def test_a_load_that_nobody_used_is_not_left_under_way(
    gate: Gate, shared: SharedState
) -> None:
    """As when another loader has got the lease meanwhile, or the integration is gone."""
    async with preparing(gate, shared) as loads:
        first = await loads.next()
        second = await loads.next()
        assert first is not None
        assert second is not None
        assert first.read.cancelled()

    assert second.read.cancelled()
