"""Which integration a person means by an id, a schema name or a display name."""

from collections.abc import Sequence
from typing import Any

from cli.errors import CommandFailed

CANDIDATES_SHOWN = 5


def which_integration(sources: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """An id wins over names, and finds deleted ones too; names find only what still lives.

    Raises CommandFailed when nothing or more than one is meant.
    """
    if wanted.isdecimal():
        for source in sources:
            if source["id"] == int(wanted):
                return source
    found = [
        source
        for source in sources
        if wanted in (source["name"], source["display_name"]) and source["deleted_at"] is None
    ]
    if not found:
        raise CommandFailed(
            f"There is no integration {wanted!r}: see `pushgate integrations list`."
        )
    if len(found) > 1:
        candidates = ", ".join(
            f"{source['id']} ({source['display_name']}, schema {source['name']})"
            for source in found[:CANDIDATES_SHOWN]
        )
        raise CommandFailed(f"{wanted!r} may mean {candidates}: name it by its id.")
    return found[0]
