"""The counts of single loads are deleted after the retention, with a limit per transaction."""

from __future__ import annotations

import pytest

from services.loader.scheduling.retention import (
    DAY_SECONDS,
    LOAD_RETENTION_DAYS,
    SOON_SECONDS,
    delete_expired_loads,
)
from services.runtime.clock import SystemClock
from services.runtime.database import pool
from tests.database.fixtures import as_role
from tests.loader.gate import Gate


async def forget(gate: Gate) -> float:
    url = as_role(gate.database_url, "pushgate_loader")
    async with pool(url, application_name="test", connections_max=1) as journal:
        return await delete_expired_loads(journal, SystemClock())


async def loads_of_ages(gate: Gate, *days: int) -> None:
    for age in days:
        await gate.push("t", ["id"], {"id": age})
        await gate.load()
        await gate.journal.execute(
            "UPDATE loader.loads SET loaded_at = now() - make_interval(days => $1)"
            " WHERE number = (SELECT max(number) FROM loader.loads)",
            age,
        )


async def test_old_loads_are_forgotten_and_the_sums_stay(gate: Gate) -> None:
    await loads_of_ages(gate, LOAD_RETENTION_DAYS + 1, LOAD_RETENTION_DAYS - 1)

    seconds = await forget(gate)

    assert (await gate.loads(), seconds) == (1, DAY_SECONDS)
    assert await gate.journal.fetchval("SELECT loads FROM loader.tables") == 2


async def test_more_than_one_step_takes_the_oldest_first(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.loader.scheduling.retention.DELETED_LOADS_MAX", 1)
    await loads_of_ages(gate, LOAD_RETENTION_DAYS + 1, LOAD_RETENTION_DAYS + 2)

    seconds = await forget(gate)

    left = await gate.journal.fetchval("SELECT (now() - loaded_at) < '402 days' FROM loader.loads")
    assert (left, seconds) == (True, SOON_SECONDS)
