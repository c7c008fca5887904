"""Rows in the destination and when their batch was received, which links them to a receipt.

Needs SELECT on the destination's tables, nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import asyncpg
from asyncpg import Connection, Record

from audit.errors import AuditFailed
from services.loader.schema.identifiers import RECEIVED_AT, quote_identifier, quote_qualified

DestinationReader: TypeAlias = "Connection[Record]"

_PRIMARY_KEY = """
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
 WHERE i.indrelid = to_regclass($1) AND i.indisprimary
 ORDER BY k.place
"""


class WrittenRow(NamedTuple):
    received_at: datetime
    row: dict[str, Any]


async def rows_received_at(
    destination: DestinationReader, schema: str, table: str, *, times: Sequence[datetime]
) -> list[WrittenRow]:
    """The rows that are still as a batch received at one of ``times`` left them.

    Reads the whole table. Empty when there is no such table.
    """
    received = quote_identifier(RECEIVED_AT)
    statement = (
        f"SELECT {received} AS received_at, to_jsonb(t)::text AS row"
        f" FROM {quote_qualified(schema, table)} AS t WHERE {received} = ANY ($1)"
    )
    try:
        rows = await destination.fetch(statement, times)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        return []
    return [WrittenRow(row["received_at"], json.loads(row["row"])) for row in rows]


async def row_with_key(
    destination: DestinationReader, schema: str, table: str, *, key: Sequence[str]
) -> WrittenRow:
    """By its primary key, values as texts in the key's order; raises AuditFailed."""
    qualified = quote_qualified(schema, table)
    columns = await destination.fetch(_PRIMARY_KEY, qualified)
    names = [row["name"] for row in columns]
    if not names:
        raise AuditFailed(f"There is no table {schema}.{table} with a primary key.")
    if len(names) != len(key):
        raise AuditFailed(
            f"The key of {schema}.{table} is {', '.join(names)}: give a value for each."
        )
    conditions = " AND ".join(
        f"{quote_identifier(row['name'])} = ${place}::text::{row['type']}"
        for place, row in enumerate(columns, 1)
    )
    received = quote_identifier(RECEIVED_AT)
    statement = (
        f"SELECT {received} AS received_at, to_jsonb(t)::text AS row"
        f" FROM {qualified} AS t WHERE {conditions}"
    )
    try:
        row = await destination.fetchrow(statement, *key)
    except asyncpg.DataError as error:
        raise AuditFailed(f"The key is not valid for {schema}.{table}: {error}.") from error
    except asyncpg.UndefinedColumnError:
        raise AuditFailed(f"{schema}.{table} was not loaded by Pushgate.") from None
    if row is None or row["received_at"] is None:
        raise AuditFailed(f"{schema}.{table} has no row with this key that Pushgate loaded.")
    return WrittenRow(row["received_at"], json.loads(row["row"]))
