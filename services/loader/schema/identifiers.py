"""Names in the destination: what a client's name becomes, which names are ours, and quoting.

Rules: loading behaviour 2.5. Canonical names are ASCII, so their length in characters is their
length in bytes and the order of code points is the order of bytes. Pure.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

# PostgreSQL cuts longer identifiers silently, so that two names would become one.
IDENTIFIER_BYTES_MAX = 63
# Leaves room for the suffix of a column split, which is always four characters.
COLUMN_NAME_MAX = 59
COLUMNS_MAX = 1600

SEPARATOR = "__"
# The column of an array's scalar elements, and the path segment of its inner arrays.
ELEMENT = "value"

BATCHED_AT = "_sdc_batched_at"
RECEIVED_AT = "_sdc_received_at"
SEQUENCE = "_sdc_sequence"
TABLE_VERSION = "_sdc_table_version"
EXTRACTED_AT = "_sdc_extracted_at"
SURROGATE_KEY = "__sdc_primary_key"
REJECTED_TABLE = "_sdc_rejected"

_RESERVED_SUFFIXES = ("__bi", "__bo", "__de", "__do", "__it", "__st", "__ti")
_RESERVED_PREFIXES = ("_sdc", "_rjm")
# What Stitch's own integrations and well-known taps send as data (OP-25).
_ALLOWED_SYSTEM_FIELDS = frozenset(
    {
        "_sdc_deleted_at",
        "_sdc_extra",
        "_sdc_customer_id",
        "_sdc_report_datetime",
        "_sdc_record_hash",
        "_sdc_dimensions_hash_key",
        "_sdc_source_file",
        "_sdc_source_lineno",
        "_sdc_last_modified",
        "_sdc_filename",
        "_sdc_stream",
        "_sdc_replication_id",
    }
)
# PostgreSQL has them in every table and refuses to add another of the name.
_POSTGRES_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})

_ILLEGAL = re.compile(r"[^A-Za-z0-9_ ]+")
_LEADING_NONLETTERS = re.compile(r"^[^A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class CanonicalName:
    """A client's name after the rules: ``problem`` is the reason to refuse it, if there is one."""

    text: str
    problem: str | None = None


# What a client's field is called: as it is, or from its first letter or underscore on (OP-6).
FieldNaming = Callable[[str], CanonicalName]


def quote_identifier(name: str) -> str:
    """The one place where a name enters SQL text. NUL cannot be in a name and is refused."""
    if not name or "\0" in name:
        raise ValueError("an identifier is neither empty nor does it hold U+0000")
    return '"' + name.replace('"', '""') + '"'


def quote_qualified(schema: str, name: str) -> str:
    return f"{quote_identifier(schema)}.{quote_identifier(name)}"


def quote_list(names: Iterable[str]) -> str:
    return ", ".join([quote_identifier(name) for name in names])


def canonical(raw: str) -> str:
    return _ILLEGAL.sub("", raw).strip(" ")


# Bounded because clients choose the names; a load sees the same ones again and again.
@lru_cache(maxsize=20_000)
def field_name(raw: str) -> CanonicalName:
    """One client-written key, at any depth: tested by itself, not as part of the joined name."""
    return _checked(raw, canonical(raw))


@lru_cache(maxsize=20_000)
def field_name_without_leading_nonletters(raw: str) -> CanonicalName:
    return _checked(raw, _LEADING_NONLETTERS.sub("", canonical(raw)))


def _checked(raw: str, text: str) -> CanonicalName:
    lowered = text.lower()
    if not text:
        return CanonicalName(text, f"Column name {raw} is empty after canonicalization")
    if lowered.endswith(_RESERVED_SUFFIXES):
        return CanonicalName(
            text,
            "column names from client should not include reserved datatype suffix on " + text,
        )
    if lowered == SURROGATE_KEY or (
        lowered.startswith(_RESERVED_PREFIXES) and text not in _ALLOWED_SYSTEM_FIELDS
    ):
        return CanonicalName(
            text, f"column names from client should not include reserved prefix on {text}"
        )
    return CanonicalName(text)


@lru_cache(maxsize=20_000)
def root_table_name(raw: str) -> CanonicalName:
    """A problem here rejects every record for the table."""
    text = canonical(raw)
    if not text:
        return CanonicalName(text, f"Table name {raw} is empty after canonicalization")
    if len(text) > IDENTIFIER_BYTES_MAX:
        return CanonicalName(text, too_long_table(text))
    if text.lower().startswith(_RESERVED_PREFIXES):
        return CanonicalName(
            text, f"table names from client should not include reserved prefix on {text}"
        )
    return CanonicalName(text)


def too_long_table(name: str) -> str:
    return f"Table name {name} is too long for PostgreSQL"


def too_long_column(name: str) -> str:
    return f"Column name {name} is too long for PostgreSQL"


def column_problem(name: str) -> str | None:
    """Why a joined column name can't be a column of ours although each key in it is allowed."""
    if name in _POSTGRES_SYSTEM_COLUMNS:
        return f"column names from client should not be a PostgreSQL system column on {name}"
    return None


def join_names(prefix: str, segment: str) -> str:
    return prefix + SEPARATOR + segment if prefix else segment


def level_column(level: int) -> str:
    return f"_sdc_level_{level}_id"


def source_key_column(key: str) -> str:
    return f"_sdc_source_key_{key}"
