"""What became of an integration's pushes, table by table."""

from __future__ import annotations

import sys
from typing import Any

from asyncpg import Record

from cli.database import connection_to
from cli.errors import CommandFailed
from cli.installation import Installation
from cli.output import columns
from cli.times import format_time
from events.sql_files import load_queries
from services.loader.schema.identifiers import root_table_name


async def loaded_tables(
    installation: Installation, integration: dict[str, Any]
) -> list[dict[str, Any]] | None:
    """None, and why on standard error, where the system's database can't be asked."""
    try:
        url = installation.database_url_of_connect_api()
        async with connection_to(url, "PUSHGATE_DATABASE_URL") as database:
            rows = await database.fetch(load_queries("cli")["table_report"], integration["id"])
    except CommandFailed as refused:
        print(f"pushgate: its tables are not told: {refused}", file=sys.stderr)
        return None
    there = await _destination_tables(installation, integration["schema_name"]) if rows else {}
    return [_document(row, there) for row in rows]


async def _destination_tables(installation: Installation, schema: str) -> dict[str, Record]:
    try:
        url = installation.destination_url_of_connect_api()
        async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
            rows = await destination.fetch(load_queries("cli")["tables_there"], schema)
    except CommandFailed as refused:
        print(f"pushgate: their columns are not told: {refused}", file=sys.stderr)
        return {}
    return {row["table_name"]: row for row in rows}


def _document(row: Record, there: dict[str, Record]) -> dict[str, Any]:
    """``rows`` and ``columns`` are null where the table is not there, or was not asked about."""
    name = root_table_name(row["table_name"]).text
    table, loaded_at = there.get(name), row["last_loaded_at"]
    return {
        "table": row["table_name"],
        "name": name,
        "rows": table and table["rows"],
        "columns": table and table["columns"],
        "loads": row["loads"],
        "records": row["records"],
        "rows_loaded": row["rows_loaded"],
        "rejected": row["rejected"],
        "last_loaded_at": loaded_at and format_time(loaded_at),
        "lag_seconds": row["last_lag_seconds"],
        "waiting": row["waiting"],
        "oldest_waiting_seconds": row["oldest_waiting_seconds"],
        "failed": row["failed"],
        "put_back_reason": row["put_back_reason"],
    }


def tables_text(tables: list[dict[str, Any]]) -> str:
    titles = (
        "table",
        "columns",
        "rows",
        "rows loaded",
        "rejected",
        "last load",
        "lag",
        "waiting",
        "failed",
    )
    lines = columns(titles, [_row(table) for table in tables])
    troubles = [
        f"{table['name']} can't be loaded at present: {table['put_back_reason']}"
        for table in tables
        if table["put_back_reason"]
    ]
    return "\n".join([lines, *troubles])


def _row(table: dict[str, Any]) -> list[object]:
    lag = table["lag_seconds"]
    return [
        table["name"],
        None if table["columns"] is None else len(table["columns"]),
        None if table["rows"] is None else f"{table['rows']:,}",
        f"{table['rows_loaded']:,}",
        f"{table['rejected']:,}",
        table["last_loaded_at"] and table["last_loaded_at"][:19],
        None if lag is None else f"{lag:.1f} s",
        f"{table['waiting']:,}",
        f"{table['failed']:,}",
    ]
