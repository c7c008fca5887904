"""Loader and destination are killed at any moment; nothing is loaded twice, nothing skipped."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import sys
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from bench.webhooks import KEY, deliveries, webhooks_archive
from cli.errors import CommandFailed
from demo.flights import WEATHER_KEY, fetch_archive, weather
from services.runtime.database import connect
from tests.database.fixtures import as_role
from tests.eventually import eventually
from tests.loader.conftest import sweep
from tests.loader.contents import contents
from tests.loader.gate import INTEGRATION, SCHEMA, Gate
from tests.loader.killable import KillableServer, killable_destination
from tests.rounds import rounds

KILLS = rounds(small=3, full=30)
BATCHES = 20 * KILLS
# Real data as well: kinds of webhooks, and hours of weather. All of them in a full run.
KINDS_MAX = rounds(small=6, full=58)
HOURS_MAX = rounds(small=1_000, full=26_115)
HOURS_A_BATCH = 100
# After its first load; short enough that work is left for the next one.
LIFE_SECONDS_MAX = 0.3

UNDISTURBED, UNDISTURBED_SCHEMA = 13, "undisturbed"


@contextlib.asynccontextmanager
async def loader_process(gate: Gate) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.loader"),
        env={
            **os.environ,
            "PUSHGATE_DATABASE_URL": as_role(gate.database_url, "pushgate_loader"),
            "PUSHGATE_DESTINATION_URL": gate.destination_url,
            "PUSHGATE_OPS_PORT": "0",
            # The leases of the killed one have expired when the next one has started.
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


def real_batches() -> list[tuple[str, list[str], list[dict[str, Any]]]]:
    """Tables, keys and records."""
    try:
        kinds = deliveries(webhooks_archive())
        hours = list(islice(weather(fetch_archive()), HOURS_MAX))
    except CommandFailed as refused:
        pytest.skip(str(refused))
    batches: list[tuple[str, list[str], list[dict[str, Any]]]] = [
        (kind, [KEY], [record]) for kind in list(kinds)[:KINDS_MAX] for record in kinds[kind]
    ]
    for start in range(0, len(hours), HOURS_A_BATCH):
        piece: list[dict[str, Any]] = [{**row} for row in hours[start : start + HOURS_A_BATCH]]
        batches.append(("weather", list(WEATHER_KEY), piece))
    return batches


@pytest.fixture
async def killable(
    shared_urls: tuple[str, str], own_directory: Path
) -> AsyncIterator[tuple[Gate, KillableServer]]:
    """A gate with a destination on a server of its own."""
    async with killable_destination(own_directory) as (server, destination_url):
        urls = (shared_urls[0], destination_url)
        journal = await connect(urls[0], application_name="test")
        destination = await connect(urls[1], application_name="test")
        made = Gate(journal, destination, urls)
        await made.add_integration(INTEGRATION, SCHEMA)
        await made.add_integration(UNDISTURBED, UNDISTURBED_SCHEMA)
        yield made, server
        await sweep(journal, made.destination)
        await journal.close()
        await made.destination.close()


@pytest.mark.timeout(rounds(small=600, full=3000))
async def test_kill_9_at_any_moment_leaves_what_an_undisturbed_run_leaves(
    killable: tuple[Gate, KillableServer],
) -> None:
    gate, server = killable
    chances = random.Random(9)  # noqa: S311 - chosen moments, the same every time
    real = await asyncio.to_thread(real_batches)
    await gate.push("bare", ["id"], {"id": -1})
    for table, keys, records in real:
        await gate.push(table, keys, *records, integration_id=UNDISTURBED)
    await gate.load(seconds=300)
    await gate.destination.execute("ALTER TABLE import_api.bare DROP CONSTRAINT bare_pkey")
    for table, keys, records in real:
        await gate.push(table, keys, *records)
    winners = await fill(gate, chances)

    for _ in range(KILLS):
        async with loader_process(gate) as process:
            await some_loads_and_a_moment(gate, process, chances)
            await server.kill()
            await some_loads_and_a_moment(gate, process, chances)
    async with loader_process(gate):
        await eventually(gate.nothing_is_pending, seconds=300)
    gate.destination = await gate.connect()

    assert await gate.loads() > 2 * KILLS
    assert await gate.failure_reasons() == []
    await nothing_of_the_filling_is_missing_or_double(gate, winners)
    real_tables = await contents(gate, UNDISTURBED_SCHEMA)
    found = await contents(gate)
    assert {table: found[table] for table in real_tables} == real_tables
    rejected = [(table, why) for table, why, _ in await gate.rejected() if table != "bare"]
    assert rejected == [
        (table, why) for table, why, _ in await gate.rejected(schema=UNDISTURBED_SCHEMA)
    ]


async def some_loads_and_a_moment(
    gate: Gate, process: asyncio.subprocess.Process, chances: random.Random
) -> None:
    loads = await gate.loads()
    await eventually(functools.partial(gate.loads_beyond, loads), seconds=60)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), chances.random() * LIFE_SECONDS_MAX)


async def nothing_of_the_filling_is_missing_or_double(
    gate: Gate, winners: dict[int, tuple[int, list[int]]]
) -> None:
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
    assert len([table for table, _, _ in await gate.rejected() if table == "bare"]) == BATCHES
