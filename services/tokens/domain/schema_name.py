"""Derives an integration's schema name from its display name. Wire contract 4.6. Pure."""

import re

from services.tokens.limits import SCHEMA_NAME_CHARACTERS_MAX

_USABLE = re.compile(rf"[a-z_][a-z0-9_$]{{0,{SCHEMA_NAME_CHARACTERS_MAX - 1}}}")
_DROPPED = re.compile(r"[^a-z0-9_$]")
_TO_UNDERSCORE = str.maketrans(" -", "__")

# PostgreSQL's own schemas, and the one of the loader's catalog.
_RESERVED = frozenset({"public", "information_schema", "_pushgate"})
_RESERVED_PREFIX = "pg_"


def derive_schema_name(display_name: str) -> str:
    """May be empty or otherwise invalid: check ``is_usable``."""
    return _DROPPED.sub("", display_name.lower().translate(_TO_UNDERSCORE))


def is_usable(schema_name: str) -> bool:
    """Well formed and not reserved. Whether the name is taken is only known at the append."""
    return (
        _USABLE.fullmatch(schema_name) is not None
        and schema_name not in _RESERVED
        and not schema_name.startswith(_RESERVED_PREFIX)
    )
