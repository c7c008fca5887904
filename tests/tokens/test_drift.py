"""The live tables are held to the log without anybody asking."""

from __future__ import annotations

import asyncio

import pytest
from asyncpg import Connection, Record
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.runtime.clock import SystemClock
from services.tokens.use_cases.drift_monitor import DriftMonitor
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually

AWAY = "postgresql://pushgate_tokens:none@127.0.0.1:1/none"


def drift_rows() -> float | None:
    return REGISTRY.get_sample_value("pushgate_tokens_drift_rows")


@pytest.mark.usefixtures("account")
async def test_rows_that_are_not_what_the_log_says_are_counted(
    role_url: RoleUrl, database: Connection[Record]
) -> None:
    watch = DriftMonitor(role_url("pushgate_tokens"), SystemClock())
    await watch.check()
    before = drift_rows()
    await database.execute("UPDATE tokens.connect_tokens SET role = 'auditor'")
    with capture_logs() as logs:
        await watch.check()

    assert (before, drift_rows()) == (0, 1)
    found = [entry for entry in logs if entry["event"] == "drift.found"]
    assert [(entry["rows"], entry["tables"]) for entry in found] == [(1, ["connect_tokens"])]


async def test_a_database_that_is_away_is_asked_again() -> None:
    ending = asyncio.Event()
    watch = DriftMonitor(AWAY, SystemClock(), rest_seconds_min=0.01)

    with capture_logs() as logs:
        watching = asyncio.create_task(watch.run(ending))

        async def asked_twice() -> bool:
            return [entry["event"] for entry in logs].count("drift.unknown") > 1

        await eventually(asked_twice)
        ending.set()
        await watching
