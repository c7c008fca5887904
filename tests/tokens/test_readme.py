"""services/tokens/README.md is a contract with the other services: it must be complete."""

from __future__ import annotations

from pathlib import Path

from asyncpg import Connection, Record

README = Path("services/tokens/README.md").read_text("utf-8")


async def test_every_column_is_told(database: Connection[Record]) -> None:
    rows = await database.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'tokens'"
    )
    assert len(rows) > 30

    untold = {
        f"{table}.{column}"
        for table, column in rows
        if f"`{table}`" not in README or f"`{column}`" not in README
    }

    assert untold == set()


async def test_every_fold_belongs_to_a_table_that_is_told(database: Connection[Record]) -> None:
    folds = await database.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'tokens'::regnamespace"
        " AND proname LIKE '%\\_as\\_of'"
    )
    assert folds

    # By its table, or, where it is of none, by its own name.
    untold = {
        name
        for (name,) in folds
        if f"`{name.removesuffix('_as_of')}`" not in README and f"`tokens.{name}(" not in README
    }

    assert untold == set()
