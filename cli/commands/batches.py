"""Batches that were set aside, and bodies that are loaded again."""

from __future__ import annotations

import argparse
import sys
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from cli.command import Subparsers, add_command
from cli.commands.reloading import ReloadSelection, reload_batches
from cli.commands.which_integration import which_integration
from cli.database import connection_to, system_database
from cli.errors import FAILED, SUCCESS, USAGE, CommandFailed
from cli.installation import installation_of
from cli.output import add_json, columns, facts, show
from cli.times import TIME_HELP, format_time, parse_time_or_age
from events.sql_files import load_queries
from services.loader.schema.identifiers import root_table_name

LISTED = 1_000


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "batches", list_failed, summary="what could not be loaded, and loading again"
    )
    parser.add_argument("--failed", action="store_true", help="those that were set aside, and why")
    parser.add_argument("--limit", metavar="N", type=int, default=LISTED, help="at most so many")
    add_json(parser)
    group = parser.add_subparsers(metavar="COMMAND")
    _add_retry(group)
    _add_reload(group)


def _add_retry(group: Subparsers) -> None:
    parser = add_command(
        group, "retry", retry, summary="load what was set aside once more", nested=True
    )
    parser.add_argument("batch_ids", metavar="BATCH_ID", nargs="*", type=UUID)
    parser.add_argument("--all", action="store_true", help="all that were set aside")
    add_json(parser, nested=True)


def _add_reload(group: Subparsers) -> None:
    parser = add_command(
        group, "reload", reload, summary="load bodies that are kept once more", nested=True
    )
    parser.add_argument(
        "--integration", metavar="I", required=True, help="its id, schema name or display name"
    )
    parser.add_argument("--table", metavar="T", help="as pushed, or as it is called when loaded")
    parser.add_argument(
        "--since", metavar="T", type=parse_time_or_age, help=f"received then or later: {TIME_HELP}"
    )
    add_json(parser, nested=True)


async def list_failed(arguments: argparse.Namespace) -> int:
    if not arguments.failed:
        print("usage: pushgate batches --failed | retry | reload", file=sys.stderr)
        return USAGE
    queries = load_queries("cli")
    async with system_database(installation_of(arguments)) as database:
        rows = await database.fetch(queries["set_aside"], arguments.limit)
        total = await database.fetchval(queries["set_aside_count"])
    found = [_document(row) for row in rows]
    titles = ("batch_id", "schema_name", "table", "records", "failed_at", "reason")
    text = columns(
        ("batch", "schema", "table", "records", "set aside", "reason"),
        [[item[title] for title in titles] for item in found],
    )
    show(arguments, found, text)
    if total > len(found):
        print(f"pushgate: these are the oldest of {total:,}; see --limit", file=sys.stderr)
    return SUCCESS


def _document(row: Record) -> dict[str, Any]:
    return {
        "batch_id": str(row["batch_id"]),
        "integration_id": row["integration_id"],
        "schema_name": row["schema_name"],
        "table": row["table_name"],
        "records": row["records"],
        "bytes": row["bytes"],
        "received_at": format_time(row["received_at"]),
        "failed_at": format_time(row["failed_at"]),
        "attempts": row["attempts"],
        "reason": row["reason"],
    }


async def retry(arguments: argparse.Namespace) -> int:
    """Exits with 1 when one of the named batches was not set aside; the others are retried."""
    if bool(arguments.batch_ids) == arguments.all:
        print("pushgate: name batches, or say --all", file=sys.stderr)
        return USAGE
    wanted = None if arguments.all else arguments.batch_ids
    async with system_database(installation_of(arguments)) as database:
        rows = await database.fetch(load_queries("cli")["retry"], wanted)
    retried = {row["batch_id"] for row in rows}
    missing = [str(one) for one in dict.fromkeys(arguments.batch_ids) if one not in retried]
    document = {"batches": len(retried), "tables": len(rows), "not_set_aside": missing}
    show(arguments, document, facts([("batches put back", f"{len(retried):,}")]))
    if missing:
        print(f"pushgate: not set aside: {', '.join(missing)}", file=sys.stderr)
    return FAILED if missing else SUCCESS


async def reload(arguments: argparse.Namespace) -> int:
    """Exits with 1 when nothing was found, or bodies are no longer kept."""
    installation = installation_of(arguments)
    async with (
        system_database(installation) as database,
        connection_to(installation.destination_url(), "PUSHGATE_DESTINATION_URL") as destination,
    ):
        chosen = await _selection(database, arguments)
        done = await reload_batches(database, destination, chosen)
    if not done.batches + done.dropped:
        raise CommandFailed("No batch was received for that.")
    document = {"batches": done.batches, "tables": done.tables, "dropped": done.dropped}
    text = facts(
        [
            ("batches to be loaded again", f"{done.batches:,}"),
            ("batches whose body is no longer kept", f"{done.dropped:,}"),
        ]
    )
    show(arguments, document, text)
    return FAILED if done.dropped else SUCCESS


async def _selection(
    database: Connection[Record], arguments: argparse.Namespace
) -> ReloadSelection:
    queries = load_queries("cli")
    rows = await database.fetch(queries["integrations_called"], arguments.integration)
    found = which_integration([dict(row) for row in rows], arguments.integration)
    if arguments.table is None:
        return ReloadSelection(found["id"], None, arguments.since)
    known = await database.fetch(queries["tables_of_integration"], found["id"])
    names = [row["table_name"] for row in known]
    same = [name for name in names if root_table_name(name).text == arguments.table]
    return ReloadSelection(found["id"], [arguments.table, *same], arguments.since)
