"""A load that is prepared ahead of its time stands back; one that is waited for does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from events.ids import new_worker_id
from services.journal.claims import Claims, TableKey, loader_application_name
from services.loader.parsing import parse_throttle, stored_bodies
from services.loader.scheduling.prefetch import Limits, Preparing, Shared
from services.loader.schema.identifiers import field_name
from services.runtime.database import pool
from tests.database.fixtures import as_role
from tests.loader.gate import INTEGRATION, Gate

# Far longer than any of it takes, so that a rest that does not end is seen.
REST_SECONDS = 60.0
SECONDS_MAX = 10.0


@pytest.fixture(autouse=True)
def a_rest_after_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_throttle, "REST_SECONDS_MAX", REST_SECONDS)
    monkeypatch.setattr(stored_bodies, "BYTES_IN_ONE_GO", 1)


@pytest.fixture
def shared() -> Shared:
    """Loads of one batch each."""
    return Shared(Limits(records=1), field_name)


@asynccontextmanager
async def preparing(gate: Gate, shared: Shared) -> AsyncIterator[Preparing]:
    for n in range(3):
        await gate.push("t", ["id"], {"id": n})
    table_hash = await gate.journal.fetchval("SELECT table_hash FROM journal.pending LIMIT 1")
    holder = new_worker_id()
    url = as_role(gate.database_url, "pushgate_loader")
    async with (
        pool(url, application_name=loader_application_name(holder), connections_max=2) as journal,
        Preparing(Claims(journal, holder), shared, TableKey(INTEGRATION, table_hash)) as made,
    ):
        yield made


async def test_the_first_load_does_not_rest_however_much_others_hurry(
    gate: Gate, shared: Shared
) -> None:
    async with preparing(gate, shared) as loads:
        with shared.pace.hurry():
            first = await loads.next()
            assert first is not None
            prepared = await asyncio.wait_for(first.prepared, SECONDS_MAX)

    assert prepared.assembly.ordinals == 1


async def test_a_load_that_rests_ahead_of_its_time_goes_on_when_it_is_wanted(
    gate: Gate, shared: Shared
) -> None:
    async with preparing(gate, shared) as loads:
        first = await loads.next()
        assert first is not None
        await first.prepared
        with shared.pace.hurry():
            loads.look_ahead()
            second = await loads.next()
            assert second is not None
            await asyncio.wait_for(second.prepared, SECONDS_MAX)

    assert shared.ahead == 0


async def test_a_load_that_nobody_used_is_not_left_under_way(gate: Gate, shared: Shared) -> None:
    """As when another loader has got the lease meanwhile, or the integration is gone."""
    async with preparing(gate, shared) as loads:
        first = await loads.next()
        second = await loads.next()
        assert first is not None
        assert second is not None
        assert first.prepared.cancelled()

    assert second.prepared.cancelled()
