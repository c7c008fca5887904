"""The INTEGRATION argument: an id, a schema name or a display name, and what it refers to."""

import argparse
from collections.abc import Sequence
from typing import Any

from cli.errors import CommandFailed

CANDIDATES_SHOWN = 5
INTEGRATION_HELP = "The integration's id, schema name or display name."


def add_integration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("integration", metavar="INTEGRATION", help=INTEGRATION_HELP)


def find_integration(sources: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """The one of ``sources`` (as the Connect API lists them) that ``name`` refers to.

    An id takes precedence over names and also finds deleted integrations; names find only those
    that are not deleted. Raises CommandFailed when none or several match.
    """
    if name.isdecimal():
        for source in sources:
            if source["id"] == int(name):
                return source
    found = [
        source
        for source in sources
        if name in (source["name"], source["display_name"]) and source["deleted_at"] is None
    ]
    if not found:
        raise CommandFailed(
            f"There is no integration {name!r}; `pushgate integrations list` lists them."
        )
    if len(found) > 1:
        candidates = ", ".join(
            f"{source['id']} ({source['display_name']}, schema {source['name']})"
            for source in found[:CANDIDATES_SHOWN]
        )
        raise CommandFailed(f"{name!r} may mean {candidates}; use the id.")
    return found[0]
