"""`pushgate batches`: failed batches, retrying them, and loading stored bodies again."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from cli.command import Subparsers, add_command
from cli.database import connection_to, system_database
from cli.errors import FAILED, SUCCESS, USAGE, CommandFailed
from cli.installation import installation_of
from cli.integration_argument import INTEGRATION_HELP, find_integration
from cli.output import add_json, columns, facts, show
from cli.times import TIME_HELP, format_time, parse_time_or_age
from events.sql_files import load_queries
from services.loader.schema.identifiers import root_table_name

LISTED = 1_000
# Receipts that one transaction handles.
RECEIPTS_PER_STEP = 1_000


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "batches",
        list_failed,
        summary="List failed batches, retry them, or load stored batches again.",
        example="pushgate batches --failed",
    )
    parser.add_argument(
        "--failed",
        action="store_true",
        help="List the batches that could not be loaded, oldest first, and why.",
    )
    parser.add_argument(
        "--limit",
        metavar="COUNT",
        type=int,
        default=LISTED,
        help=f"List at most this many. Default: {LISTED:,}.",
    )
    add_json(parser)
    group = parser.add_subparsers(metavar="COMMAND")
    _add_retry(group)
    _add_reload(group)


def _add_retry(group: Subparsers) -> None:
    parser = add_command(
        group,
        "retry",
        retry,
        summary="Retry failed batches: the loader loads them again.",
        details="Exits with 1 when one of the named batches has not failed; the others are"
        " retried.",
        example="pushgate batches retry --all",
        nested=True,
    )
    parser.add_argument(
        "batch_ids", metavar="BATCH_ID", nargs="*", type=UUID, help="The batches to retry."
    )
    parser.add_argument("--all", action="store_true", help="Retry all failed batches.")
    add_json(parser, nested=True)


def _add_reload(group: Subparsers) -> None:
    parser = add_command(
        group,
        "reload",
        reload,
        summary="Load batches again from their stored bodies, whether or not they were loaded.",
        details="Exits with 1 when some of them are no longer stored.",
        example="pushgate batches reload --integration web_shop --table orders --since 7d",
        nested=True,
    )
    parser.add_argument(
        "--integration", metavar="INTEGRATION", required=True, help=INTEGRATION_HELP
    )
    parser.add_argument(
        "--table",
        metavar="TABLE",
        help="Only this table, named as it was pushed or as in the destination.",
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=parse_time_or_age,
        help=f"Only batches received at or after this time: {TIME_HELP}.",
    )
    add_json(parser, nested=True)


async def list_failed(arguments: argparse.Namespace) -> int:
    if not arguments.failed:
        print("usage: pushgate batches --failed | retry | reload", file=sys.stderr)
        return USAGE
    queries = load_queries("cli")
    async with system_database(installation_of(arguments)) as database:
        rows = await database.fetch(queries["failed_batches"], arguments.limit)
        total = await database.fetchval(queries["failed_batches_count"])
    documents = [_document(row) for row in rows]
    keys = ("batch_id", "schema_name", "table", "records", "failed_at", "reason")
    text = columns(
        ("batch", "schema", "table", "records", "failed", "reason"),
        [[document[key] for key in keys] for document in documents],
    )
    show(arguments, documents, text)
    if total > len(documents):
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
    if bool(arguments.batch_ids) == arguments.all:
        print("pushgate: name the batches to retry, or use --all", file=sys.stderr)
        return USAGE
    named = None if arguments.all else arguments.batch_ids
    async with system_database(installation_of(arguments)) as database:
        rows = await database.fetch(load_queries("cli")["retry"], named)
    retried = {row["batch_id"] for row in rows}
    missing = [str(one) for one in dict.fromkeys(arguments.batch_ids) if one not in retried]
    document = {"batches": len(retried), "tables": len(rows), "not_set_aside": missing}
    show(arguments, document, facts([("batches to be retried", f"{len(retried):,}")]))
    if missing:
        print(f"pushgate: these batches have not failed: {', '.join(missing)}", file=sys.stderr)
    return FAILED if missing else SUCCESS


@dataclass(frozen=True, slots=True)
class ReloadSelection:
    """``tables`` as they were pushed; None means all of them."""

    integration_id: int
    tables: list[str] | None
    since: datetime | None


@dataclass(slots=True)
class ReloadCounts:
    """``tables`` counts a batch once per table; ``dropped`` batches have no stored body."""

    batches: int = 0
    tables: int = 0
    dropped: int = 0


async def reload(arguments: argparse.Namespace) -> int:
    installation = installation_of(arguments)
    async with (
        system_database(installation) as database,
        connection_to(installation.destination_url(), "PUSHGATE_DESTINATION_URL") as destination,
    ):
        selection = await _selection(database, arguments)
        counts = await reload_batches(database, destination, selection)
    if not counts.batches + counts.dropped:
        raise CommandFailed("No batches match; check --integration, --table and --since.")
    document = {"batches": counts.batches, "tables": counts.tables, "dropped": counts.dropped}
    text = facts(
        [
            ("batches to be loaded again", f"{counts.batches:,}"),
            ("batches that are no longer stored", f"{counts.dropped:,}"),
        ]
    )
    show(arguments, document, text)
    return FAILED if counts.dropped else SUCCESS


async def _selection(
    database: Connection[Record], arguments: argparse.Namespace
) -> ReloadSelection:
    queries = load_queries("cli")
    rows = await database.fetch(queries["integrations_called"], arguments.integration)
    integration = find_integration([dict(row) for row in rows], arguments.integration)
    if arguments.table is None:
        return ReloadSelection(integration["id"], None, arguments.since)
    known = await database.fetch(queries["tables_of_integration"], integration["id"])
    names = [row["table_name"] for row in known]
    same = [name for name in names if root_table_name(name).text == arguments.table]
    return ReloadSelection(integration["id"], [arguments.table, *same], arguments.since)


async def reload_batches(
    database: Connection[Record], destination: Connection[Record], selection: ReloadSelection
) -> ReloadCounts:
    """Request all batches received until now, in the order of receipts. Safe to repeat.

    Loaded markers are deleted first: because of them the loader would skip the batches.
    """
    queries, counts = load_queries("cli"), ReloadCounts()
    last, after = await database.fetchval(queries["last_receipt"]), 0
    while True:
        rows = await database.fetch(
            queries["receipts_to_reload"],
            selection.integration_id,
            after,
            last,
            selection.since,
            selection.tables,
            RECEIPTS_PER_STEP,
        )
        if not rows:
            return counts
        after = rows[-1]["number"]
        stored = [row for row in rows if row["kept"]]
        counts.dropped += len({row["number"] for row in rows if not row["kept"]})
        counts.batches += len({row["number"] for row in stored})
        markers = [row["batch_id"] for row in stored], [row["place"] for row in stored]
        await _delete_loaded_markers(destination, *markers)
        counts.tables += await database.fetchval(queries["reload"], *markers)


async def _delete_loaded_markers(
    destination: Connection[Record], batch_ids: list[object], places: list[int]
) -> None:
    # A destination that no loader has used yet has no markers.
    if await destination.fetchval("SELECT to_regclass('_pushgate.loaded') IS NOT NULL"):
        queries = load_queries("services.loader.catalog")
        await destination.execute(queries["delete_markers"], batch_ids, places)
