"""Acknowledged means durable, and exactly once, whatever is killed while pushes go on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from cli.connect_api import connect_api
from cli.temporary_installation import TemporaryInstallation, temporary_installation
from services.runtime.private_files import read_private_json
from tests.eventually import eventually
from tests.rounds import rounds
from tests.system.load import RECORDS_A_PUSH, Gate, Told, pushing

pytestmark = pytest.mark.timeout(rounds(small=600, full=1800))

KILLS = rounds(small=3, full=10)
# Between two kills: enough to be sure that everything works again.
PUSHES_BETWEEN = 30
# A server that was killed replays its log first, and the supervisor waits longer each time.
BACK_SECONDS_MAX = 90
LOADED_SECONDS_MAX = 120


@pytest.fixture(scope="module")
async def killed() -> AsyncIterator[TemporaryInstallation]:
    """Not the shared system: others would not expect what happens to it."""
    async with temporary_installation() as up:
        yield up


@pytest.fixture
async def gate(killed: TemporaryInstallation, program: str) -> Gate:
    async with connect_api(killed.installation) as api:
        source = await api.create_source(f"Kills {program}")
        token = await api.create_token(source["id"])
    run = await asyncio.to_thread(_run, killed)
    return Gate(
        url=run["ingest"]["url"],
        token=token["access_token"],
        client_id=source["stitch_client_id"],
    )


def _run(system: TemporaryInstallation) -> dict[str, Any]:
    return dict(read_private_json(system.data_dir / "run.json"))


async def _pids(system: TemporaryInstallation) -> dict[str, int]:
    """Of each program that the supervisor keeps alive."""
    run = await asyncio.to_thread(_run, system)
    return {
        name: told["pid"] for name, told in run.items() if isinstance(told, dict) and "pid" in told
    }


@pytest.mark.parametrize("program", ["ingest", "loader", "postgres"])
async def test_nothing_acknowledged_is_missing_or_double(
    killed: TemporaryInstallation, gate: Gate, program: str
) -> None:
    before = await _pids(killed)
    async with pushing(gate) as told:
        for _ in range(KILLS):
            await _more_is_acknowledged(told)
            await _kill(killed, program)
        await _more_is_acknowledged(told)
    rows = await _rows_when_all_are_loaded(killed, f"kills_{program}")

    after = await _pids(killed)
    assert {name for name in before if after[name] != before[name]} == {program}
    assert told.statuses <= {201, 503}
    assert {each: times for each, times in rows.items() if times > 1} == {}
    assert told.acknowledged - rows.keys() == set()
    assert told.refused & rows.keys() == set()
    replay = await killed.run("audit", "replay", "--json")
    assert (replay.exit_code, replay.document["match"]) == (0, True)


async def _more_is_acknowledged(told: Told) -> None:
    wanted = len(told.acknowledged) + PUSHES_BETWEEN * RECORDS_A_PUSH

    async def reached() -> bool:
        return len(told.acknowledged) >= wanted

    await eventually(reached, seconds=BACK_SECONDS_MAX)


async def _kill(system: TemporaryInstallation, program: str) -> None:
    pid = (await asyncio.to_thread(_run, system))[program]["pid"]
    os.kill(pid, signal.SIGKILL)

    async def another_runs() -> bool:
        return (await asyncio.to_thread(_run, system))[program]["pid"] not in (pid, None)

    await eventually(another_runs, seconds=BACK_SECONDS_MAX)


async def _rows_when_all_are_loaded(system: TemporaryInstallation, schema: str) -> Counter[int]:
    """How often each id stands in its table."""

    async def all_loaded() -> bool:
        status = await system.run("status", "--json")
        if status.exit_code != 0:
            return False
        assert status.document["failed"] == 0
        return bool(status.document["pending"] == 0)

    await eventually(all_loaded, seconds=LOADED_SECONDS_MAX)
    connection = await asyncpg.connect((await asyncio.to_thread(_run, system))["destination_url"])
    try:
        found = await connection.fetch(
            f"SELECT id FROM {schema}.keyed UNION ALL SELECT id FROM {schema}.keyless"
        )
    finally:
        await connection.close()
    return Counter(row["id"] for row in found)
