"""`integrations show` and `status` tell what became of pushes, and why they wait."""

from __future__ import annotations

from asyncpg import Connection, Record

from cli.temporary_installation import TemporaryInstallation
from tests.cli.loading import another_loader, list_again, load_one, set_aside
from tests.cli.made import Made


async def test_an_integration_is_shown_with_its_tables(
    system: TemporaryInstallation, made: Made, journal: Connection[Record]
) -> None:
    await set_aside(journal, await load_one(system, made, journal))

    shown = await system.run_json("integrations", "show", made.name)

    (table,) = shown["tables"]
    assert 0 < table.pop("lag_seconds") < 60
    assert table.pop("last_loaded_at")
    assert table.pop("rows") in {0, 1}
    assert "id" in table.pop("columns")
    assert table == {
        "table": "t",
        "name": "t",
        "loads": 1,
        "records": 1,
        "rows_loaded": 1,
        "rejected": 0,
        "waiting": 0,
        "oldest_waiting_seconds": None,
        "failed": 1,
        "put_back_reason": None,
    }


async def test_people_see_a_line_for_each_table(
    system: TemporaryInstallation, made: Made, journal: Connection[Record]
) -> None:
    await load_one(system, made, journal)

    shown = await system.run("integrations", "show", made.name)

    assert (shown.exit_code, shown.errors) == (0, "")
    titles = next(line for line in shown.output.splitlines() if "rows loaded" in line)
    assert titles.split()[:5] == ["table", "columns", "rows", "rows", "loaded"]
    assert shown.output.splitlines()[-1].split()[0] == "t"


async def test_an_integration_without_pushes_has_no_tables(
    system: TemporaryInstallation, made: Made
) -> None:
    assert (await system.run_json("integrations", "show", made.name))["tables"] == []


async def test_without_the_database_the_rest_is_shown(
    system: TemporaryInstallation, made: Made
) -> None:
    shown = await system.run(
        *("integrations", "show", made.name, "--json"),
        PUSHGATE_DATABASE_URL="postgresql://x@127.0.0.1:9/x",
    )

    assert (shown.exit_code, shown.document["tables"]) == (0, None)
    assert "cannot show the tables" in shown.errors


async def test_without_the_destination_columns_are_not_told(
    system: TemporaryInstallation, made: Made, journal: Connection[Record]
) -> None:
    await load_one(system, made, journal)

    shown = await system.run(
        *("integrations", "show", made.name, "--json"),
        PUSHGATE_DESTINATION_URL="postgresql://x@127.0.0.1:9/x",
    )

    (table,) = shown.document["tables"]
    assert (table["columns"], table["rows_loaded"]) == (None, 1)
    assert "columns" in shown.errors


async def test_status_tells_that_the_destination_is_away(
    system: TemporaryInstallation, journal: Connection[Record]
) -> None:
    await journal.execute(
        "INSERT INTO loader.destination_away VALUES (true, now(), now(), 'ConnectionRefusedError')"
    )
    away = await system.run("status")
    await journal.execute("UPDATE loader.destination_away SET told_at = now() - interval '1 hour'")
    told_long_ago = await system.run("status")
    await journal.execute("DELETE FROM loader.destination_away")

    assert "THE DESTINATION IS UNAVAILABLE" in away.output
    assert "ConnectionRefusedError" in away.output
    assert "UNAVAILABLE" not in told_long_ago.output


async def test_status_tells_of_a_table_that_cannot_be_loaded(
    system: TemporaryInstallation, made: Made, journal: Connection[Record]
) -> None:
    batch_id = await load_one(system, made, journal)
    async with another_loader(system) as holder:
        await journal.execute(
            "INSERT INTO journal.leases VALUES ($1, hashtextextended('t', 0), $2,"
            " now() + interval '1 minute') ON CONFLICT (integration_id, table_hash) DO UPDATE"
            " SET until = excluded.until, holder = excluded.holder",
            made.id,
            holder,
        )
        await list_again(journal, batch_id)
        await journal.execute(
            "UPDATE loader.tables SET put_back_at = now(),"
            " put_back_reason = '55P03: locked by psql' WHERE integration_id = $1",
            made.id,
        )
        told = await system.run("status")
        await journal.execute("DELETE FROM journal.pending WHERE batch_id = $1", batch_id)
    told_later = await system.run("status")

    assert f"{made.name}.t" in told.output
    assert "locked by psql" in told.output
    assert made.name not in told_later.output
