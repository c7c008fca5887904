"""Postgres is killed while facts are appended and signed; everything holds afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from events import log
from events.errors import LogError
from events.ids import new_command_id
from events.replay import compare
from events.types import IntegrationRenamed
from services.launcher.embedded_postgres.cluster import Cluster, prepare_cluster
from services.launcher.embedded_postgres.server import Server, running_server
from services.runtime.config import Secret
from services.runtime.database import AWAY, connect
from services.runtime.migrations import OWNER, ROLES, create_roles, migrate
from services.tokens.use_cases.drift_monitor import REPLAYED
from tests.database.fixtures import ROLE_PASSWORD, as_role, with_database
from tests.eventually import eventually
from tests.history.appending import connect_token_generated, small_history
from tests.history.auditor import AUDITOR, Auditor, served
from tests.history.conftest import Database
from tests.history.signer_process import running_signer, until_signed
from tests.rounds import rounds

KILLS = rounds(small=3, full=20)
WRITERS = 4
APPENDS_BEFORE_THE_KILL = 25


@pytest.fixture
async def cluster(own_directory: Path) -> Cluster:
    """With durability on: what was acknowledged has to survive."""
    return await asyncio.to_thread(prepare_cluster, own_directory, durable=True)


@pytest.fixture
async def owner_url(cluster: Cluster, own_directory: Path) -> str:
    """A migrated database; its server is stopped again."""
    async with running_server(cluster, log_path=own_directory / "postgres.log"):
        connection = await connect(cluster.url("postgres"), application_name="test set-up")
        await connection.execute("CREATE DATABASE crashed TEMPLATE template0 ENCODING 'UTF8'")
        await connection.close()
        url = with_database(cluster.url("postgres"), "crashed")
        await create_roles(url, {role: Secret(ROLE_PASSWORD) for role in ROLES})
        await migrate(as_role(url, OWNER))
        owner = await connect(as_role(url, OWNER), application_name="test set-up")
        await connect_token_generated(owner, AUDITOR, role="auditor")
        await small_history(owner)
        await owner.close()
    return as_role(url, OWNER)


class Writer:
    """Appends as fast as it can and remembers what was acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.acknowledged: list[int] = []

    async def run(self) -> None:
        connection = await connect(self._url, application_name="test writer")
        # asyncpg names a connection that is just breaking in many ways.
        with contextlib.suppress(
            *AWAY, asyncpg.PostgresError, asyncpg.InternalClientError, LogError
        ):
            while True:
                fact = IntegrationRenamed(display_name=f"name {len(self.acknowledged)}")
                [done] = await log.append(
                    connection,
                    "integration/1",
                    None,
                    [fact],
                    command_id=new_command_id(),
                    actor="system",
                )
                self.acknowledged.append(done.number)
        connection.terminate()


async def killed_under_load(server: Server, owner_url: str) -> list[int]:
    """The numbers that were acknowledged before the server died."""
    writers = [Writer(owner_url) for _ in range(WRITERS)]

    async def enough() -> bool:
        return sum(len(w.acknowledged) for w in writers) >= APPENDS_BEFORE_THE_KILL

    tasks = [asyncio.create_task(writer.run()) for writer in writers]
    await eventually(enough, seconds=60)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await asyncio.gather(*tasks)
    return [number for writer in writers for number in writer.acknowledged]


async def assert_sound(owner: Database, acknowledged: list[int]) -> None:
    row = await owner.fetchrow(
        """
        SELECT h.size, count(*) AS events, max(number) + 1 AS next,
               count(*) FILTER (WHERE later) AS later
          FROM ledger.head h, (SELECT number,
                   recorded_at > lag(recorded_at, 1, '-infinity') OVER (ORDER BY number) AS later
                 FROM ledger.event) e GROUP BY h.size
        """
    )
    assert row is not None
    assert row["size"] == row["events"] == row["next"] == row["later"]
    assert len(set(acknowledged)) == len(acknowledged)
    assert max(acknowledged, default=0) < row["size"]
    async with owner.transaction(isolation="repeatable_read", readonly=True):
        assert (await compare(owner, REPLAYED)).match


async def test_nothing_acknowledged_is_lost_and_the_log_still_verifies(
    cluster: Cluster, owner_url: str, own_directory: Path, tmp_path: Path
) -> None:
    """The signer lives through all of it, and finds its server again each time."""
    acknowledged: list[int] = []
    signer = running_signer(as_role(owner_url, "pushgate_signer"), tmp_path / "signer")
    async with signer as signing:
        for kill in range(KILLS + 1):
            async with running_server(cluster, log_path=own_directory / "postgres.log") as server:
                owner = await connect(owner_url, application_name="test")
                await until_signed(owner)
                await assert_sound(owner, acknowledged)
                async with served(as_role(owner_url, "pushgate_history")) as history:
                    found = await Auditor(history, tmp_path).verify()
                owner.terminate()
                assert found["verdict"] == "verified", found
                if kill < KILLS:
                    acknowledged += await killed_under_load(server, owner_url)
        assert signing.returncode is None
