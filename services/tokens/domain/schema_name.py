"""From what a person calls an integration to its schema's name. Wire contract 4.6. Pure."""

import re

from services.tokens.limits import SCHEMA_NAME_CHARACTERS_MAX

_USABLE = re.compile(rf"[a-z_][a-z0-9_$]{{0,{SCHEMA_NAME_CHARACTERS_MAX - 1}}}")
_DROPPED = re.compile(r"[^a-z0-9_$]")
_TO_UNDERSCORE = str.maketrans(" -", "__")

# Schemas of Postgres's own, and the one with the loader's bookkeeping.
_RESERVED = frozenset({"public", "information_schema", "_pushgate"})
_RESERVED_PREFIX = "pg_"


def derive_schema_name(display_name: str) -> str:
    """May be empty or otherwise unusable: ask ``is_usable``."""
    return _DROPPED.sub("", display_name.lower().translate(_TO_UNDERSCORE))


def is_usable(schema_name: str) -> bool:
    """Well formed and not reserved; whether it is taken only the append can tell."""
    return (
        _USABLE.fullmatch(schema_name) is not None
        and schema_name not in _RESERVED
        and not schema_name.startswith(_RESERVED_PREFIX)
    )
