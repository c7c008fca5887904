"""The six kinds of columns, and which kind a column has that someone altered. Pure.

Rules: loading behaviour 1.1 and 1.4.
"""

from enum import StrEnum


class ColumnKind(StrEnum):
    """A column type that the loader writes; the text is PostgreSQL's name for it."""

    BIGINT = "bigint"
    BOOLEAN = "boolean"
    NUMERIC = "numeric"
    DOUBLE = "double precision"
    TIMESTAMP = "timestamp with time zone"
    TEXT = "text"


# A column's name before any split, and the kind of the values. Which column of the table that
# becomes (a split one, say) is decided by the plan.
ColumnKey = tuple[str, ColumnKind]

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

# Names in pg_type. A column that a customer altered to a related type is still the same column.
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


def kind_of_pg_type(name: str) -> ColumnKind | None:
    """None for a type that the loader never writes."""
    return _KIND_OF_PG_TYPE.get(name)
