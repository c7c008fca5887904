"""All rows of a schema, to compare them with those of another schema."""

from __future__ import annotations

from typing import Any

from tests.loader.gate import SCHEMA, Gate

TIMES_OF_LOADING = {"_sdc_batched_at", "_sdc_received_at"}


async def contents(gate: Gate, schema: str = SCHEMA) -> dict[str, Any]:
    """Rows and columns of all tables, in an order of their own; without the times of loading."""
    found: dict[str, Any] = {}
    for table in await gate.tables(schema=schema) - {"_sdc_rejected"}:
        columns = sorted(await gate.columns(table, schema=schema))
        names = [name for name, _ in columns if name not in TIMES_OF_LOADING]
        rows = await gate.rows(table, *names, schema=schema)
        found[table] = columns, sorted(rows, key=repr)
    return found
