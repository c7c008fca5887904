"""A migration may take as long as the server lets it, and waits for another one."""

import asyncio

import pytest

from services.runtime import migrations
from services.runtime.database import connect
from services.runtime.migrations import MigrationRefused, migrate
from tests.eventually import eventually

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def test_no_limit_of_the_driver_ends_a_migration(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its default of 60 s, a file that the server allows 10 min failed after one."""
    monkeypatch.setitem(connect.__kwdefaults__ or {}, "command_seconds_max", 0.2)
    other = await connect(database_url, application_name="test", command_seconds_max=60)
    try:
        await other.execute("SELECT pg_advisory_lock(3, 0)")
        migrating = asyncio.create_task(migrate(database_url))

        async def waits() -> bool:
            return bool(
                await other.fetchval(
                    WAITING + " AND database = (SELECT oid FROM"
                    " pg_database WHERE datname = current_database())"
                )
            )

        await eventually(waits)
        await other.execute("SELECT pg_sleep(0.5)")
        assert not migrating.done()
    finally:
        await other.close()

    assert await migrating == []


async def test_a_migration_does_not_wait_without_end_for_another_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "OTHER_MIGRATION_WAIT", "100ms")
    other = await connect(database_url, application_name="test")
    try:
        await other.execute("SELECT pg_advisory_lock(3, 0)")
        with pytest.raises(MigrationRefused, match="another migration"):
            await migrate(database_url)
    finally:
        await other.close()
