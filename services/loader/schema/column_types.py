"""The six kinds of columns, and how a column that somebody altered is recognised. Pure.

Rules: loading behaviour 1.1 and 1.4.
"""

from enum import StrEnum


class Kind(StrEnum):
    """A column type of ours; its text is what PostgreSQL calls it."""

    BIGINT = "bigint"
    BOOLEAN = "boolean"
    NUMERIC = "numeric"
    DOUBLE = "double precision"
    TIMESTAMP = "timestamp with time zone"
    TEXT = "text"


SUFFIX_OF = {
    Kind.BIGINT: "__bi",
    Kind.BOOLEAN: "__bo",
    Kind.NUMERIC: "__de",
    Kind.DOUBLE: "__do",
    Kind.TIMESTAMP: "__ti",
    Kind.TEXT: "__st",
}

BIGINT_MIN = -(2**63)
BIGINT_MAX = 2**63 - 1

# Names of pg_type. A column that a customer altered within its family is still the same column.
_FAMILY_OF = {
    "int2": Kind.BIGINT,
    "int4": Kind.BIGINT,
    "int8": Kind.BIGINT,
    "bool": Kind.BOOLEAN,
    "numeric": Kind.NUMERIC,
    "float4": Kind.DOUBLE,
    "float8": Kind.DOUBLE,
    "timestamptz": Kind.TIMESTAMP,
    "timestamp": Kind.TIMESTAMP,
    "date": Kind.TIMESTAMP,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
}


def family_of(pg_type_name: str) -> Kind | None:
    """None: a type that no value of ours goes into."""
    return _FAMILY_OF.get(pg_type_name)
