"""A loader that is killed at any moment loads nothing twice and skips nothing."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.database.fixtures import as_role
from tests.eventually import eventually
from tests.loader.gate import Gate
from tests.rounds import rounds

KILLS = rounds(small=4, full=30)
BATCHES = 20 * KILLS
# After its first load; short enough that work is left for the next one.
LIFE_SECONDS_MAX = 0.3


@contextlib.asynccontextmanager
async def loader_process(gate: Gate) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.loader"),
        env={
            **os.environ,
            "PUSHGATE_DATABASE_URL": as_role(gate.database_url, "pushgate_loader"),
            "PUSHGATE_DESTINATION_URL": gate.destination_url,
            "PUSHGATE_OPS_PORT": "0",
            # What the killed one held is free when the next one has started.
            "PUSHGATE_LEASE_SECONDS": "1",
            # Many loads, so that there are many moments to be killed at.
            "PUSHGATE_LOAD_RECORDS_MAX": "100",
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def fill(gate: Gate, chances: random.Random) -> dict[int, tuple[int, list[int]]]:
    """Keyed rows with arrays, keyless ones, and a table that lost its constraint.

    What the keyed table must hold: sequence and array by id.
    """
    winners: dict[int, tuple[int, list[int]]] = {}
    for n in range(BATCHES):
        sequence = chances.randrange(1_000_000)
        records: list[dict[str, Any]] = []
        for i in chances.sample(range(200), 40):
            items = [chances.randrange(100) for _ in range(chances.randrange(4))]
            records.append({"id": i, "items": items, f"c{n % 7}": n})
            if i not in winners or sequence > winners[i][0]:
                winners[i] = (sequence, items)
        await gate.push("keyed", ["id"], *records, sequence=sequence)
        await gate.batch("keyless", None, {}, *({"n": n, "i": i} for i in range(20)))
        await gate.push("bare", ["id"], {"id": n}, {"id": 1000 + n, "_sdc_x": 1})
    return winners


@pytest.mark.timeout(600)
async def test_kill_9_at_any_moment_leaves_what_an_undisturbed_run_leaves(gate: Gate) -> None:
    chances = random.Random(9)  # noqa: S311 - chosen moments, the same every time
    await gate.push("bare", ["id"], {"id": -1})
    await gate.load()
    await gate.destination.execute("ALTER TABLE import_api.bare DROP CONSTRAINT bare_pkey")
    winners = await fill(gate, chances)

    for _ in range(KILLS):
        async with loader_process(gate) as process:
            loads = await gate.loads()
            await eventually(functools.partial(gate.loads_beyond, loads), seconds=30)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), chances.random() * LIFE_SECONDS_MAX)
    async with loader_process(gate):
        await eventually(gate.nothing_waits, seconds=60)

    assert await gate.loads() > 2 * KILLS
    assert await gate.set_aside() == []
    assert await gate.rows("keyed", "id", "_sdc_sequence") == [
        (i, sequence) for i, (sequence, _) in sorted(winners.items())
    ]
    assert await gate.rows(
        "keyed__items", "_sdc_source_key_id", "_sdc_level_0_id", "value", order="1, 2"
    ) == [
        (i, level, value)
        for i, (_, items) in sorted(winners.items())
        for level, value in enumerate(items)
    ]
    assert len(await gate.rows("keyless", "n")) == BATCHES * 20
    assert await gate.rows("bare", "id") == [(n,) for n in range(-1, BATCHES)]
    assert len(await gate.reasons()) == BATCHES
