"""Parsing ahead runs during long statements and waits during short ones."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing import parse_throttle
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.writing.rejects import RejectedRecords
from services.loader.writing.tables import RootTable
from services.loader.writing.version_routing import VersionRouter
from tests.eventually import eventually
from tests.loader.gate import SCHEMA, Gate

SHORT_SECONDS = 0.1
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def seconds_of_rest(throttle: ParseThrottle, wanted: asyncio.Event | None = None) -> float:
    began = time.monotonic()
    await throttle.yield_to_loads(wanted or asyncio.Event())
    return time.monotonic() - began


async def is_resting(task: asyncio.Task[float]) -> bool:
    """Whether it goes on for longer than what is short."""
    done, _ = await asyncio.wait({task}, timeout=SHORT_SECONDS)
    return not done


async def test_reading_does_not_rest_when_nothing_is_loaded() -> None:
    assert await seconds_of_rest(ParseThrottle()) < SHORT_SECONDS


async def test_reading_rests_until_the_load_is_over() -> None:
    throttle = ParseThrottle()
    with throttle.foreground():
        resting = asyncio.create_task(seconds_of_rest(throttle))
        assert await is_resting(resting)

    assert SHORT_SECONDS <= await resting < parse_throttle.YIELD_SECONDS_MAX


async def test_a_rest_ends_at_once_when_what_is_read_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parse_throttle, "YIELD_SECONDS_MAX", 100 * SHORT_SECONDS)
    throttle, wanted = ParseThrottle(), asyncio.Event()
    with throttle.foreground():
        resting = asyncio.create_task(seconds_of_rest(throttle, wanted))
        assert await is_resting(resting)
        wanted.set()
        assert await resting < 10 * SHORT_SECONDS
        assert await seconds_of_rest(throttle, wanted) < SHORT_SECONDS


@pytest.mark.parametrize(
    "in_the_way",
    [
        pytest.param("LOCK TABLE import_api.t IN ACCESS SHARE MODE", id="emptying"),
        pytest.param("SELECT pg_advisory_xact_lock(9)", id="moving"),
    ],
)
async def test_reading_goes_on_while_a_version_is_activated(gate: Gate, in_the_way: str) -> None:
    await gate.push("t", ["id"], {"id": 1}, version=1)
    await gate.push("t", ["id"], {"id": 2}, version=2)
    await gate.load()
    await gate.destination.execute(
        "CREATE FUNCTION import_api.wait() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_advisory_xact_lock(9); RETURN NEW; END';"
        "CREATE TRIGGER wait BEFORE INSERT ON import_api.t"
        " FOR EACH ROW EXECUTE FUNCTION import_api.wait()"
    )
    throttle, connection = ParseThrottle(), await gate.connect()
    destination = DestinationConnection(connection, throttle)
    root = RootTable(destination, RejectedRecords(lambda _: []), SCHEMA, "t")
    lock = gate.destination.transaction()
    await lock.start()
    await gate.destination.execute(in_the_way)

    with throttle.foreground():
        activating = asyncio.create_task(VersionRouter(root).activate(2, NOW))
        await eventually(gate.a_load_waits_for_a_lock)
        seconds = await seconds_of_rest(throttle)
        await lock.rollback()
        assert await activating == 1
    await connection.close()

    assert seconds < SHORT_SECONDS


async def test_reading_goes_on_during_a_long_statement(gate: Gate) -> None:
    throttle = ParseThrottle()
    destination = DestinationConnection(gate.destination, throttle)
    with throttle.foreground():
        working = asyncio.create_task(
            destination.execute_long("SELECT pg_sleep($1)", 3 * SHORT_SECONDS)
        )
        await throttle.yield_to_loads(asyncio.Event())
        assert not working.done()
        assert await seconds_of_rest(throttle) < SHORT_SECONDS
        assert await working == 1
        resting = asyncio.create_task(seconds_of_rest(throttle))
        assert await is_resting(resting)
    await resting


async def test_a_statement_that_fails_leaves_the_load_in_a_hurry(gate: Gate) -> None:
    throttle = ParseThrottle()
    destination = DestinationConnection(gate.destination, throttle)
    with throttle.foreground():
        with pytest.raises(Exception, match="division by zero"):
            await destination.execute_long("SELECT 1 / $1::int", 0)
        resting = asyncio.create_task(seconds_of_rest(throttle))
        assert await is_resting(resting)
    await resting


async def test_of_many_loads_one_always_hurries_so_rest_has_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parse_throttle, "YIELD_SECONDS_MAX", SHORT_SECONDS)
    throttle = ParseThrottle()
    with throttle.foreground(), throttle.foreground():
        assert SHORT_SECONDS <= await seconds_of_rest(throttle) < 10 * SHORT_SECONDS
