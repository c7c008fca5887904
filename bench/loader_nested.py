"""Nested webhooks against the same rows, pushed flat: what taking records apart costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.loading import journal, loader_environment
from bench.measure import ROUNDS, Context, Measure
from bench.system import serving
from bench.webhooks import KEY, Delivery, deliveries, spelled_out, webhooks_archive
from services.loader.schema.column_types import SUFFIX_OF
from services.loader.schema.identifiers import quote_qualified
from services.runtime.database import connect

# So often each webhook comes, with a key of its own: so many rows that making tables does not show.
COPIES = 30
REACH = 0.3

_SOURCE_KEY = f"_sdc_source_key_{KEY}"
_LEVEL = "_sdc_level_"
_ENDINGS = tuple(SUFFIX_OF.values())
Tables = dict[str, list[dict[str, Any]]]


async def measure(context: Context) -> list[Measure]:
    kinds = await asyncio.to_thread(lambda: deliveries(webhooks_archive()))
    copies = {kind: list(_copies(records)) for kind, records in kinds.items()}
    nested: list[float] = []
    flat: list[float] = []
    rows = 0
    async with serving(context, "services.loader", loader_environment(context)):
        for number in range(ROUNDS):
            created = await context.create_integration(f"Bench nested {number}")
            async with journal(context, created.integration_id) as filled:
                for kind, records in copies.items():
                    await filled.push(kind, [KEY], records, 1)
                nested.append(await filled.load())
            tables = await _flat_rows(context, created.schema_name)
            rows = sum(map(len, tables.values()))
            created = await context.create_integration(f"Bench flat {number}")
            async with journal(context, created.integration_id) as filled:
                for table, records in tables.items():
                    await filled.push(table, _flat_key(records[0]), records, 1)
                flat.append(await filled.load())
    return [
        Measure(
            measure="nested webhooks, rows of all their tables",
            value=rows / median(nested),
            unit="rows/s",
            floor=rows / median(flat),
            reach=REACH,
        )
    ]


def _copies(records: list[Delivery]) -> Iterator[Delivery]:
    for number in range(COPIES):
        for record in records:
            yield {**spelled_out(record), KEY: f"{record[KEY]}/{number}"}


async def _flat_rows(context: Context, schema: str) -> Tables:
    """Rows of all tables as records without objects and arrays, under names that may be pushed."""
    connection = await connect(context.destination_url, application_name="bench")
    try:
        names = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1)"
            " AND relkind = 'r' AND relname <> '_sdc_rejected' ORDER BY 1",
            schema,
        )
        return {
            f"flat_{number}": [
                _flat(dict(row))
                for row in await connection.fetch(
                    f"SELECT * FROM {quote_qualified(schema, name)}"  # noqa: S608 - quoted
                )
            ]
            for number, (name,) in enumerate(names)
        }
    finally:
        await connection.close()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for column, value in row.items():
        if column.startswith((_SOURCE_KEY, _LEVEL)):
            flat[column.removeprefix("_sdc_")] = value
        elif value is not None and not column.startswith("_sdc_"):
            # A split column's ending is reserved.
            flat[column[:-4] if column.endswith(_ENDINGS) else column] = value
    return flat


def _flat_key(row: dict[str, Any]) -> list[str]:
    return [column for column in row if column.startswith(("source_key_", "level_"))] or [KEY]
