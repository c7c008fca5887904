"""Nothing refused is lost, whatever becomes of an app with an outbox, its token, or the gate.

Rows in the destination equal the source, none twice, and of several versions the last stays.
"""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from cli.connect_api import connect_api
from cli.temporary_installation import TemporaryInstallation
from pushgate_client import DiskFull, Options, Outbox, OutboxView, PushClient, WasSetAside
from services.runtime.private_files import read_private_json
from tests.eventually import eventually
from tests.rounds import rounds
from tests.system.app_process import App, Front
from tests.system.outbox_app import ROWS_WITH_VERSIONS, Orders

pytestmark = pytest.mark.timeout(rounds(small=600, full=1800))

KILLS = rounds(small=3, full=10)
KILLS_OF_OTHERS = rounds(small=1, full=10)
POSTGRES_IS_SLOW = pytest.mark.skipif(
    rounds(small=1, full=0) == 1,
    reason="in full rounds: it takes half a minute to come back (killed each time: test_kills.py)",
)
OLD_TOKEN_SECONDS = rounds(small=2, full=30)
AWAY_SECONDS = rounds(small=2, full=60)
RECORDS = rounds(small=5_000, full=1_000_000)
LOADED_SECONDS_MAX = 300
BACK_SECONDS_MAX = 90


class Source:
    """An integration of one test, with the tokens that its app is given."""

    def __init__(
        self, system: TemporaryInstallation, source: dict[str, Any], directory: Path
    ) -> None:
        self.client_id = int(source["stitch_client_id"])
        self.schema = str(source["name"])
        self.token_file = directory / "token"
        self._system = system
        self.id = int(source["id"])
        self._tokens: list[int] = []

    async def generate(self) -> str:
        async with connect_api(self._system.installation) as api:
            token = await api.create_token(self.id)
        self._tokens.append(token["id"])
        return str(token["access_token"])

    async def revoke_older(self) -> None:
        async with connect_api(self._system.installation) as api:
            await api.revoke_token(self.id, self._tokens.pop(0))

    def hand_over(self, token: str) -> None:
        self.token_file.write_text(token + "\n")


@pytest.fixture
async def source(
    system: TemporaryInstallation, request: pytest.FixtureRequest, tmp_path: Path
) -> Source:
    async with connect_api(system.installation) as api:
        name = re.sub(r"\W", "_", request.node.name).strip("_").removeprefix("test_")
        return Source(system, await api.create_source(name[:49]), tmp_path)


@pytest.fixture
async def front(system: TemporaryInstallation) -> AsyncIterator[Front]:
    run = await asyncio.to_thread(read_private_json, system.data_dir / "run.json")
    async with Front(run["ingest"]["url"]) as served:
        yield served


@pytest.fixture
async def app(source: Source, front: Front, tmp_path: Path) -> AsyncIterator[App]:
    source.hand_over(await source.generate())
    started = App(
        Orders(
            url=front.url,
            token_file=str(source.token_file),
            client_id=source.client_id,
            outbox=str(tmp_path / "outbox"),
            progress=str(tmp_path / "progress"),
            stop=str(tmp_path / "stop"),
        )
    )
    await started.start()
    yield started
    if started.process is not None and started.process.returncode is None:
        await started.kill()


async def test_a_token_revoked_under_load_holds_and_loses_nothing(
    system: TemporaryInstallation, source: Source, front: Front, app: App
) -> None:
    await app.more(200)
    new = await source.generate()
    await source.revoke_older()
    await _seconds(OLD_TOKEN_SECONDS)
    await app.more(200)
    assert 401 in front.statuses
    source.hand_over(new)

    await _equal_the_source(system, source, await app.stop())


async def test_an_app_that_is_killed_loses_nothing(
    system: TemporaryInstallation, source: Source, app: App
) -> None:
    for _ in range(KILLS):
        await app.more(100)
        await app.kill()
        await app.start()
    await app.more(100)

    await _equal_the_source(system, source, await app.stop())


@pytest.mark.parametrize(
    ("program", "times"),
    [
        ("ingest", KILLS),
        ("loader", KILLS_OF_OTHERS),
        pytest.param("postgres", KILLS_OF_OTHERS, marks=POSTGRES_IS_SLOW),
    ],
)
async def test_a_server_that_is_killed_loses_nothing(
    system: TemporaryInstallation, source: Source, app: App, program: str, times: int
) -> None:
    for _ in range(times):
        await app.more(100)
        await _kill(system, program)
    await app.more(100)

    await _equal_the_source(system, source, await app.stop())


async def test_a_gate_that_says_503_for_long_loses_nothing(
    system: TemporaryInstallation, source: Source, front: Front, app: App
) -> None:
    await app.more(100)
    front.away = True
    await _seconds(AWAY_SECONDS)
    await app.more(100)
    front.away = False

    await _equal_the_source(system, source, await app.stop())


async def test_one_wrong_record_among_many_costs_a_few_requests(
    system: TemporaryInstallation, source: Source, front: Front, tmp_path: Path
) -> None:
    wrong = RECORDS * 2 // 3
    told: list[Any] = []
    rows = ({"id": None if id_ == wrong else id_, "place": id_} for id_ in range(RECORDS))
    async with PushClient(
        front.url,
        token=await source.generate(),
        client_id=source.client_id,
        outbox=tmp_path / "outbox",
        options=Options(happened=told.append),
    ) as client:
        pushed = await client.push("events", rows, keys=["id"])
        await client.emptied()

    (aside,) = [each for each in told if isinstance(each, WasSetAside)]
    assert orjson.loads(aside.part.body)[0]["data"] == {"id": None, "place": wrong}
    assert "keys cannot not be null in data" in aside.answer.text
    # A thousand records a request: halved ten times, each time one half or both are sent.
    assert len(front.statuses) <= pushed.requests + 20
    assert await _ids(system, source, "events") == set(range(RECORDS)) - {wrong}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False).returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


async def test_a_full_disk_loses_nothing_that_was_acknowledged(
    system: TemporaryInstallation, source: Source, front: Front, small_disk: Path
) -> None:
    front.away = True
    token = await source.generate()
    options = Options(on_full="raise", linger_seconds=600, batch_records=100)
    async with _client(front, source, token, small_disk, options) as client:
        acknowledged = await _pushed_until_full(client)
        held = await asyncio.to_thread(OutboxView(small_disk).counts)
        assert held.waiting_records == acknowledged
        front.away = False
        await client.emptied()
        await client.push("events", [{"id": -1}], keys=["id"])

    assert await _ids(system, source, "events") == {-1, *range(acknowledged)}


async def _pushed_until_full(client: PushClient) -> int:
    for start in range(0, 100_000, 100):
        ids = range(start, start + 100)
        try:
            await client.push("events", ({"id": id_} for id_ in ids), keys=["id"])
        except DiskFull:
            return start
    raise AssertionError("the disk never filled up")


async def test_a_full_disk_is_waited_for(
    system: TemporaryInstallation, source: Source, front: Front, small_disk: Path
) -> None:
    front.away = True
    options = Options(linger_seconds=600, batch_records=100)
    token = await source.generate()
    async with _client(front, source, token, small_disk, options) as client:
        pushing = asyncio.create_task(
            client.push("events", ({"id": id_} for id_ in range(20_000)), keys=["id"])
        )
        await eventually(lambda: _is_full(small_disk), seconds=30)
        assert not pushing.done()
        front.away = False
        await pushing

    assert await _ids(system, source, "events") == set(range(20_000))


def _client(
    front: Front, source: Source, token: str, directory: Path, options: Options
) -> PushClient:
    return PushClient(
        front.url, token=token, client_id=source.client_id, outbox=directory, options=options
    )


# What does not fit is not written at all, so this much may stay free.
_ROOM_FOR_A_GROUP_BYTES = 200_000


async def _is_full(directory: Path) -> bool:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_bsize < _ROOM_FOR_A_GROUP_BYTES


async def test_a_view_tells_while_the_app_runs(app: App, front: Front) -> None:
    front.away = True
    await app.more(100)
    view = OutboxView(app.orders.outbox)

    async def is_held() -> bool:
        counts = await asyncio.to_thread(view.counts)
        return counts.held_records >= 100 and "503" in str(counts.why)

    await eventually(is_held)
    front.away = False
    await app.stop()

    async with Outbox.open(app.orders.outbox) as outbox:
        assert outbox.counts().waiting == 0


# --- what all of them ask ----------------------------------------------------------------------


async def _equal_the_source(system: TemporaryInstallation, source: Source, records: int) -> None:
    assert records > 0
    assert await _ids(system, source, "events") == set(range(records))
    latest = {id_ % ROWS_WITH_VERSIONS: id_ for id_ in range(records)}
    rows = await _rows(system, source, f"SELECT id, version FROM {source.schema}.versions")
    assert {row["id"]: row["version"] for row in rows} == latest


async def _ids(system: TemporaryInstallation, source: Source, table: str) -> set[int]:
    """All there are; none may be there twice."""
    rows = await _rows(system, source, f"SELECT id FROM {source.schema}.{table}")
    ids = {row["id"] for row in rows}
    assert len(ids) == len(rows)
    return ids


async def _rows(system: TemporaryInstallation, source: Source, statement: str) -> list[Any]:
    """When all that was accepted is loaded."""
    run = await asyncio.to_thread(read_private_json, system.data_dir / "run.json")
    journal = await asyncpg.connect(run["database_url"])
    destination = await asyncpg.connect(run["destination_url"])
    try:

        async def all_loaded() -> bool:
            waiting = "SELECT count(*) FROM journal.pending WHERE integration_id = $1"
            return int(await journal.fetchval(waiting, source.id)) == 0

        await eventually(all_loaded, seconds=LOADED_SECONDS_MAX)
        return list(await destination.fetch(statement))
    finally:
        await journal.close()
        await destination.close()


async def _kill(system: TemporaryInstallation, program: str) -> None:
    async def pid() -> Any:
        run = await asyncio.to_thread(read_private_json, system.data_dir / "run.json")
        return run[program]["pid"]

    killed = await pid()
    os.kill(killed, signal.SIGKILL)

    async def another_runs() -> bool:
        return await pid() not in (killed, None)

    await eventually(another_runs, seconds=BACK_SECONDS_MAX)


async def _seconds(seconds: float) -> None:
    """The load goes on meanwhile: that it does so for a time is what is tested."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds

    async def over() -> bool:
        return loop.time() >= until

    await eventually(over, seconds=seconds + 5)
