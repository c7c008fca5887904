"""`pushgate status`: waiting and failed batches, the size of the log, and current problems."""

from __future__ import annotations

import argparse

from asyncpg import Connection, Record

from cli.command import Subparsers, add_command
from cli.database import system_database
from cli.installation import installation_of
from cli.output import add_json, facts, show
from events import log
from events.sql_files import load_queries

# Tables that could not be loaded: the most recent ones are listed.
RETRIED_TABLES_LISTED = 20


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "status",
        status,
        summary="Show how many batches wait for the loader, how many failed, and why.",
        example="pushgate status",
    )
    add_json(parser)


async def status(arguments: argparse.Namespace) -> None:
    async with system_database(installation_of(arguments)) as database:
        size = await log.size(database)
        backlog = await database.fetchrow(load_queries("cli")["backlog"])
        halt = await database.fetchrow(load_queries("cli")["halt"])
        problems = await _problems(database)
    assert backlog is not None, "an aggregate without GROUP BY always gives a row"
    oldest = backlog["oldest_pending_seconds"]
    document = {
        "size": size,
        "pending": backlog["pending"],
        "failed": backlog["failed"],
        "oldest_pending_seconds": None if oldest is None else round(float(oldest), 3),
    }
    age = "" if oldest is None else f"  (the oldest for {float(oldest):.1f} s)"
    halted = []
    if halt is not None:
        # The signer halts a log that does not extend what it signed (docs/operations/restore.md).
        document["halted"] = halt["reason"]
        halted = [("THE LOG IS HALTED", f"{halt['reason']}; since {halt['halted_at']}")]
    text = facts(
        [
            *halted,
            ("events in the log", f"{size:,}"),
            ("batches waiting to be loaded", f"{backlog['pending']:,}{age}"),
            ("failed batches", f"{backlog['failed']:,}"),
            *problems,
        ]
    )
    show(arguments, document, text)


async def _problems(database: Connection[Record]) -> list[tuple[str, str]]:
    """Why batches wait longer than they should."""
    queries = load_queries("cli")
    away = await database.fetchrow(queries["destination_unavailable"])
    problems = []
    if away is not None:
        since = f"{away['since']:%Y-%m-%d %H:%M:%S}"
        problems = [("THE DESTINATION IS UNAVAILABLE", f"since {since}: {away['reason']}")]
    tables = await database.fetch(queries["tables_in_retry"], RETRIED_TABLES_LISTED)
    return problems + [
        ("cannot be loaded", f"{schema}.{name}, at {at:%Y-%m-%d %H:%M:%S}: {reason}")
        for schema, name, at, reason in tables
    ]
