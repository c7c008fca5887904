"""The signer as a process: it signs by itself, stops loudly, and survives being killed."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from cli.commands import history as history_commands
from cli.errors import CommandFailed
from events.checkpoint import VerifierKey, open_note
from events.errors import LogHalted
from events.merkle import leaf_hash, root_of
from services.runtime.database import connect
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually
from tests.history.appending import rename, small_history, unguarded
from tests.history.conftest import Database
from tests.history.signer_process import running_signer, until_signed
from tests.rounds import rounds

KILLS = rounds(small=3, full=20)
TAMPERING = "UPDATE ledger.event SET record = replace(record::text, $1, $2)::json WHERE number = 1"


async def roots_are_right(owner: Database) -> bool:
    """Every published checkpoint and tile is of the log as it is."""
    rows = await owner.fetch("SELECT record::text FROM ledger.event ORDER BY number")
    leaves = [leaf_hash(row["record"].encode()) for row in rows]
    notes = await owner.fetch("SELECT note, key FROM ledger.checkpoint")
    checkpoints = [open_note(row["note"], VerifierKey.parse(row["key"])) for row in notes]
    tiles = await owner.fetch("SELECT number, root FROM ledger.tile WHERE level = 0")
    return all(one.root == root_of(leaves[: one.size]) for one in checkpoints) and all(
        row["root"] == root_of(leaves[row["number"] * 256 :][:256]) for row in tiles
    )


async def test_it_signs_soon_after_each_append(
    database: Database, role_url: RoleUrl, tmp_path: Path
) -> None:
    await small_history(database)
    async with running_signer(role_url("pushgate_signer"), tmp_path / "signer"):
        for more in (1, 300, 1):
            await until_signed(database)
            await rename(database, more)
        await until_signed(database)

    assert await roots_are_right(database)


async def test_it_stops_loudly_and_the_log_takes_no_more(
    database: Database, role_url: RoleUrl, tmp_path: Path
) -> None:
    await small_history(database)
    async with running_signer(role_url("pushgate_signer"), tmp_path / "signer") as signer:
        await until_signed(database)
        async with unguarded(database):
            await database.execute(TAMPERING, "shop_1", "shop_2")
        async with asyncio.timeout(30):
            code = await signer.wait()
    reason = await database.fetchval("SELECT reason FROM ledger.halt")

    assert code == 3
    assert "differ from those that were signed" in reason
    with pytest.raises(LogHalted):
        await rename(database, 1)


@pytest.fixture
def resume(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> argparse.Namespace:
    """`pushgate history resume`, over the signer's own directory."""
    monkeypatch.setenv("PUSHGATE_DATABASE_URL", database_url)
    return argparse.Namespace(data_dir=str(tmp_path), checkpoint=None)


async def test_a_halt_ends_when_the_log_is_again_what_was_signed(
    database: Database, role_url: RoleUrl, tmp_path: Path, resume: argparse.Namespace
) -> None:
    await small_history(database)
    async with running_signer(role_url("pushgate_signer"), tmp_path / "signer") as signer:
        await until_signed(database)
        async with unguarded(database):
            await database.execute(TAMPERING, "shop_1", "shop_2")
        async with asyncio.timeout(30):
            await signer.wait()
    with pytest.raises(CommandFailed, match="still differ"):
        await history_commands.resume(resume)
    async with unguarded(database):
        await database.execute(TAMPERING, "shop_2", "shop_1")
    await history_commands.resume(resume)
    await rename(database, 1)
    async with running_signer(role_url("pushgate_signer"), tmp_path / "signer"):
        await until_signed(database)


@pytest.fixture
async def locker(database_url: str) -> AsyncGenerator[Database]:
    connection = await connect(database_url, application_name="test locker")
    yield connection
    await connection.close()


@pytest.mark.parametrize("between", ["ledger.tile", "ledger.checkpoint"])
async def test_killed_while_it_publishes_it_goes_on_where_it_was(
    between: str, database: Database, locker: Database, role_url: RoleUrl, tmp_path: Path
) -> None:
    """Before a tile, and between a tile and its checkpoint, which its own file knows already."""
    await small_history(database)
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = $1::text::regclass AND NOT granted"
    for _ in range(KILLS):
        async with running_signer(role_url("pushgate_signer"), tmp_path / "signer") as signer:
            await until_signed(database)
            async with locker.transaction():
                await locker.execute(f"LOCK TABLE {between} IN EXCLUSIVE MODE")
                await rename(database, 300)
                await eventually(lambda: database.fetchval(waiting, between))
                signer.kill()
                await signer.wait()
    async with running_signer(role_url("pushgate_signer"), tmp_path / "signer"):
        await until_signed(database)

    assert await roots_are_right(database)
