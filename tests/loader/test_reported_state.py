"""A loader reports why it makes no progress, in the journal's database and in metrics."""

from __future__ import annotations

from services.runtime.metrics import LOADER_DESTINATION_AWAY, LOADER_PUT_BACK_TABLES
from tests.eventually import eventually
from tests.loader.gate import Connection, Gate


async def test_a_destination_that_is_away_is_told_until_it_is_back(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    is_away = True

    async def connect_when_it_is_there() -> Connection:
        if is_away:
            raise ConnectionRefusedError
        return await gate.connect()

    async with gate.loader(connect_to=connect_when_it_is_there):
        reported = await eventually(lambda: away(gate))
        measured = LOADER_DESTINATION_AWAY._value.get()
        is_away = False
        await eventually(gate.nothing_is_pending)
        still_reported = await away(gate)

    assert (reported, still_reported) == (["ConnectionRefusedError"], [])
    assert (measured, LOADER_DESTINATION_AWAY._value.get()) == (1, 0)


async def away(gate: Gate) -> list[str]:
    rows = await gate.journal.fetch("SELECT reason FROM loader.destination_away")
    return [row[0] for row in rows]


async def test_a_table_that_was_put_back_is_counted_until_it_is_loaded(gate: Gate) -> None:
    await gate.push("t", ["id"], {"id": 1})
    await gate.load()
    await gate.destination.execute("REVOKE ALL ON import_api.t FROM pushgate_loader")
    await gate.push("t", ["id"], {"id": 2})

    async with gate.loader():
        await eventually(lambda: was_put_back(gate))
        measured = LOADER_PUT_BACK_TABLES._value.get()
        await gate.destination.execute("GRANT ALL ON import_api.t TO pushgate_loader")
        await eventually(gate.nothing_is_pending)
        await eventually(none_is_put_back)

    assert measured == 1


async def was_put_back(gate: Gate) -> bool:
    return bool(await gate.retry_reason("t"))


async def none_is_put_back() -> bool:
    return int(LOADER_PUT_BACK_TABLES._value.get()) == 0
