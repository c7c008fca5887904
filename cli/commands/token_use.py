"""Who uses an integration's tokens, and who still uses one that was revoked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from cli.database import connection_to
from cli.errors import CommandFailed
from cli.installation import Installation
from cli.output import counted
from cli.times import format_time
from events.sql_files import load_queries

# Those refused last.
REVOKED_LISTED = 20

_NEVER_USED = {
    "label": None,
    "first_used_at": None,
    "first_peer": None,
    "last_used_at": None,
    "last_peer": None,
}


async def add_usage(
    installation: Installation, integration_id: int, tokens: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Each of ``tokens`` with its label and its use, nulls where there is none.

    On standard error: revoked tokens that somebody still sends with, and why nothing is told of
    both where the system's database can't be asked.
    """
    queries = load_queries("cli")
    try:
        url = installation.database_url_of_connect_api()
        async with connection_to(url, "PUSHGATE_DATABASE_URL") as database:
            used = await database.fetch(queries["token_use"], [token["id"] for token in tokens])
            refused = await database.fetch(
                queries["revoked_in_use"], integration_id, REVOKED_LISTED
            )
    except CommandFailed as reason:
        print(f"pushgate: their labels and use are not told: {reason}", file=sys.stderr)
        used, refused = [], []
    for row in refused:
        print(f"pushgate: {_revoked_warning(row)}", file=sys.stderr)
    uses = {row["token_id"]: _usage(row) for row in used}
    return [token | uses.get(token["id"], _NEVER_USED) for token in tokens]


def _usage(row: Record) -> dict[str, Any]:
    first, last = row["first_used_at"], row["last_used_at"]
    return {
        "label": row["label"],
        "first_used_at": None if first is None else format_time(first),
        "first_peer": row["first_peer"],
        "last_used_at": None if last is None else format_time(last),
        "last_peer": row["last_peer"],
    }


def _revoked_warning(row: Record) -> str:
    return (
        f"token {row['token_id']} is revoked, and somebody still sends with it:"
        f" {counted(row['requests'], 'request')} refused, the last at"
        f" {format_time(row['last_at'])} from {row['last_peer'] or 'an unknown address'}."
        " All of them have to be sent again with an active token."
    )
