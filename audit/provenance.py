"""Rows of the destination and the moment that ties each of them to its receipt, for auditors.

Read only: SELECT is all that it needs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import asyncpg
from asyncpg import Connection, Record

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


class NoSuchRow(Exception):
    """There is no such table or row, or the key does not fit; the sentence says which."""


class WrittenRow(NamedTuple):
    received_at: datetime
    row: dict[str, Any]


async def rows_received_at(
    destination: DestinationReader, schema: str, table: str, *, moments: Sequence[datetime]
) -> list[WrittenRow]:
    """Those that are still as a receipt of one of these moments left them; reads the table whole.

    Empty when the table is not there.
    """
    received = quote_identifier(RECEIVED_AT)
    statement = (
        f"SELECT {received} AS received_at, to_jsonb(t)::text AS row"
        f" FROM {quote_qualified(schema, table)} AS t WHERE {received} = ANY ($1)"
    )
    try:
        rows = await destination.fetch(statement, moments)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        return []
    return [WrittenRow(row["received_at"], json.loads(row["row"])) for row in rows]


async def row_with_key(
    destination: DestinationReader, schema: str, table: str, *, key: Sequence[str]
) -> WrittenRow:
    """By its primary key, values in the key's order and as texts; raises NoSuchRow."""
    qualified = quote_qualified(schema, table)
    columns = await destination.fetch(_PRIMARY_KEY, qualified)
    names = [row["name"] for row in columns]
    if not names:
        raise NoSuchRow(f"There is no table {schema}.{table} with a primary key.")
    if len(names) != len(key):
        raise NoSuchRow(
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
        raise NoSuchRow(f"The key does not fit: {error}.") from error
    except asyncpg.UndefinedColumnError:
        raise NoSuchRow(f"{schema}.{table} was not written through this gate.") from None
    if row is None or row["received_at"] is None:
        raise NoSuchRow(f"{schema}.{table} has no such row of ours.")
    return WrittenRow(row["received_at"], json.loads(row["row"]))
