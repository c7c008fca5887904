"""The six kinds of columns, and how a column that somebody altered is recognised. Pure.

Rules: loading behaviour 1.1 and 1.4.
"""

from enum import StrEnum


class ColumnKind(StrEnum):
    """A column type of ours; its text is what PostgreSQL calls it."""

    BIGINT = "bigint"
    BOOLEAN = "boolean"
    NUMERIC = "numeric"
    DOUBLE = "double precision"
    TIMESTAMP = "timestamp with time zone"
    TEXT = "text"


SUFFIX_OF = {
    ColumnKind.BIGINT: "__bi",
    ColumnKind.BOOLEAN: "__bo",
    ColumnKind.NUMERIC: "__de",
    ColumnKind.DOUBLE: "__do",
    ColumnKind.TIMESTAMP: "__ti",
    ColumnKind.TEXT: "__st",
}

BIGINT_MIN = -(2**63)
BIGINT_MAX = 2**63 - 1

# Names of pg_type. A column that a customer altered within its family is still the same column.
_KIND_OF_PG_TYPE = {
    "int2": ColumnKind.BIGINT,
    "int4": ColumnKind.BIGINT,
    "int8": ColumnKind.BIGINT,
    "bool": ColumnKind.BOOLEAN,
    "numeric": ColumnKind.NUMERIC,
    "float4": ColumnKind.DOUBLE,
    "float8": ColumnKind.DOUBLE,
    "timestamptz": ColumnKind.TIMESTAMP,
    "timestamp": ColumnKind.TIMESTAMP,
    "date": ColumnKind.TIMESTAMP,
    "text": ColumnKind.TEXT,
    "varchar": ColumnKind.TEXT,
    "bpchar": ColumnKind.TEXT,
}


def kind_of_pg_type(pg_type_name: str) -> ColumnKind | None:
    """None: a type that no value of ours goes into."""
    return _KIND_OF_PG_TYPE.get(pg_type_name)
