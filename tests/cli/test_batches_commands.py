"""`pushgate batches`: what could not be loaded is listed, sent again, and loaded once more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid5

import pytest
from asyncpg import Connection, Record

from cli.database import connection_to
from cli.temporary_installation import TemporaryInstallation
from events.ids import new_worker_id
from tests.cli.loading import load_one, nothing_waits, set_aside
from tests.cli.made import Made
from tests.eventually import eventually


@pytest.fixture
async def destination(system: TemporaryInstallation) -> AsyncIterator[Connection[Record]]:
    async with connection_to(system.installation.destination_url(), "") as connection:
        yield connection


@pytest.fixture
async def loaded(system: TemporaryInstallation, made: Made, journal: Connection[Record]) -> str:
    """The id of a batch with one record, in table "t" by now."""
    return await load_one(system, made, journal)


async def test_a_failed_batch_is_listed_with_its_reason_and_retried(
    system: TemporaryInstallation, made: Made, journal: Connection[Record], loaded: str
) -> None:
    await set_aside(journal, loaded)

    listed = [
        item for item in await system.run_json("batches", "--failed") if item["batch_id"] == loaded
    ]
    retried = await system.run_json("batches", "retry", loaded)

    assert [(item["schema_name"], item["table"], item["reason"]) for item in listed] == [
        (made.name, "t", "23514: not so")
    ]
    assert retried == {"batches": 1, "tables": 1, "not_set_aside": []}
    await eventually(lambda: nothing_waits(journal, made))


async def test_a_dropped_table_is_reloaded_by_the_name_of_its_integration(
    system: TemporaryInstallation,
    made: Made,
    journal: Connection[Record],
    destination: Connection[Record],
    loaded: str,
) -> None:
    assert loaded
    await destination.execute(f'DROP TABLE "{made.name}".t')

    done = await system.run_json("batches", "reload", "--integration", made.name)

    await eventually(lambda: nothing_waits(journal, made))
    assert done == {"batches": 1, "tables": 1, "dropped": 0}
    assert await destination.fetchval(f'SELECT count(*) FROM "{made.name}".t') == 1


async def test_what_was_not_set_aside_is_not_retried(system: TemporaryInstallation) -> None:
    unknown = str(uuid5(new_worker_id(), "a batch"))
    retried = await system.run("batches", "retry", unknown)

    assert retried.exit_code == 1
    assert unknown in retried.errors


@pytest.mark.parametrize("words", [[], ["retry"], ["retry", "--all", str(new_worker_id())]])
async def test_wrong_use_exits_with_2(system: TemporaryInstallation, words: list[str]) -> None:
    assert (await system.run("batches", *words)).exit_code == 2


async def test_what_is_said_before_the_inner_command_stays_said(
    system: TemporaryInstallation,
) -> None:
    elsewhere = str(system.data_dir / "nothing")
    command = await system.run("batches", "--data-dir", elsewhere, "retry", "--all")

    assert command.exit_code == 1
    assert elsewhere in command.errors


async def test_reloading_nothing_is_said(system: TemporaryInstallation, made: Made) -> None:
    command = await system.run("batches", "reload", "--integration", str(made.id))

    assert (command.exit_code, command.output) == (1, "")
    assert "No batch" in command.errors
