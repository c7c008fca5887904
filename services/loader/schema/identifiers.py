"""Names in the destination: canonical names, reserved names and quoting. Pure.

Rules: loading behaviour 2.5. Canonical names are ASCII, so that their length in characters is their
length in bytes, and their order by code points is their order by bytes.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

# PostgreSQL truncates longer identifiers silently, so that two names could become one.
IDENTIFIER_BYTES_MAX = 63
# Leaves room for the suffix of a split column, which has four characters.
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
# Fields that Stitch's own integrations and well-known taps send as data (OP-25).
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
# Every table has them; PostgreSQL refuses to add a column of such a name.
_POSTGRES_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})

_ILLEGAL = re.compile(r"[^A-Za-z0-9_ ]+")
_LEADING_NONLETTERS = re.compile(r"^[^A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class CanonicalName:
    """A client's name made canonical. ``problem`` is the reason not to load it, if there is one."""

    text: str
    problem: str | None = None


# Makes a field's name canonical. There are two ways, with and without leading digits (OP-6).
FieldNaming = Callable[[str], CanonicalName]


def quote_identifier(name: str) -> str:
    """The only place where a name enters SQL text. Raises ValueError for what cannot be a name."""
    if not name or "\0" in name:
        raise ValueError("an identifier must not be empty or contain U+0000")
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
    """The canonical name of one JSON key, at any depth. Each key is checked alone (OP-26)."""
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
    """A problem with it rejects every record of the table."""
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
    """Why a joined name cannot be a column although each key in it is allowed."""
    if name in _POSTGRES_SYSTEM_COLUMNS:
        return f"column names from client should not be a PostgreSQL system column on {name}"
    return None


def join_names(prefix: str, segment: str) -> str:
    return prefix + SEPARATOR + segment if prefix else segment


def level_column(level: int) -> str:
    return f"_sdc_level_{level}_id"


def source_key_column(key: str) -> str:
    return f"_sdc_source_key_{key}"
