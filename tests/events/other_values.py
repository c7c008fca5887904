"""For every column of a table, an expression that gives it another value of its kind."""

from __future__ import annotations

from asyncpg import Connection, Record

_OTHER_OF_TYPE = {
    "bigint": "{column} + 1",
    "integer": "{column} + 1",
    "text": "{column} || 'x'",
    "uuid": "gen_random_uuid()",
    "bytea": "sha256({column})",
    "timestamp with time zone": "coalesce({column}, now()) + interval '1 microsecond'",
    "ARRAY": "{column} || {column}",
}
# Where the table says which values there are, or another row has the next one.
_OTHER_OF_COLUMN = {
    "number": "number + 100",
    "state": "CASE state WHEN 'paused' THEN 'active' ELSE 'paused' END",
    "role": "CASE role WHEN 'owner' THEN 'auditor' ELSE 'owner' END",
    "paused_at": "coalesce(paused_at, '') || 'x'",
    "endpoint": "CASE endpoint WHEN 'push' THEN 'batch' ELSE 'push' END",
}
_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
 WHERE table_schema = split_part($1, '.', 1) AND table_name = split_part($1, '.', 2)
 ORDER BY ordinal_position
"""


async def other_values(connection: Connection[Record], table: str) -> dict[str, str]:
    """By column, in the table's order."""
    rows = await connection.fetch(_COLUMNS, table)
    return {
        column: _OTHER_OF_COLUMN.get(column, _OTHER_OF_TYPE.get(data_type, "")).format(
            column=column
        )
        for column, data_type in rows
    }
