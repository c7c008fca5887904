"""`pushgate audit trace --rows`: which of its rows are still as a token left them."""

from __future__ import annotations

from asyncpg import Connection, Record

from cli.temporary_installation import TemporaryInstallation
from tests.cli.loading import nothing_waits
from tests.cli.made import Made
from tests.eventually import eventually


async def _push(system: TemporaryInstallation, made: Made, table: str, records: str) -> None:
    pushed = await system.run(
        *("push", "-", "--table", table, "--key", "id"), stdin=records, PUSHGATE_TOKEN=made.token
    )
    assert pushed.exit_code == 0, pushed.errors


async def test_rows_are_told_once_where_two_names_are_one_table(
    system: TemporaryInstallation, made: Made, journal: Connection[Record]
) -> None:
    """Told twice, a row would hide one that was replaced."""
    await _push(system, made, "orders", '{"id": 1}\n{"id": 2}\n')
    await eventually(lambda: nothing_waits(journal, made))
    await _push(system, made, "orders!", '{"id": 2, "late": true}\n')
    await _push(system, made, "!", '{"id": 3}\n')
    await eventually(lambda: nothing_waits(journal, made))

    traced = await system.run_json("audit", "trace", str(made.token_id), "--rows")
    told = [
        ([(row["table"], row["row"]["id"]) for row in receipt["rows"]], receipt["replaced"])
        for receipt in traced["receipts"]
    ]

    assert told == [([("orders", 1)], 1), ([("orders", 2)], 0), ([], 1)]
