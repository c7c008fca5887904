"""`pushgate refusals`: rejected requests, which someone has to send again."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import Any

from asyncpg import Connection, Record

from cli.command import Subparsers, add_command
from cli.database import system_database
from cli.installation import installation_of
from cli.integration_argument import INTEGRATION_HELP, find_integration
from cli.output import add_json, columns, show
from cli.times import TIME_HELP, format_time, parse_time_or_age
from events.sql_files import load_queries

SINCE = "24h"
LISTED = 1_000


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "refusals",
        list_refusals,
        summary="List rejected requests by reason, integration and token.",
        example="pushgate refusals --since 7d --integration web_shop",
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=parse_time_or_age,
        default=SINCE,
        help=f"Only since this time: {TIME_HELP}. Default: {SINCE}.",
    )
    parser.add_argument(
        "--integration", metavar="INTEGRATION", help=f"Only of this one. {INTEGRATION_HELP}"
    )
    parser.add_argument(
        "--limit",
        metavar="COUNT",
        type=int,
        default=LISTED,
        help=f"List at most this many. Default: {LISTED:,}.",
    )
    add_json(parser)


async def list_refusals(arguments: argparse.Namespace) -> None:
    since: datetime = arguments.since
    async with system_database(installation_of(arguments)) as database:
        integration_id = await _integration_id(database, arguments.integration)
        rows = await database.fetch(
            load_queries("cli")["refusals"],
            since.replace(second=0, microsecond=0),
            integration_id,
            arguments.limit + 1,
        )
    found = [_document(row) for row in rows[: arguments.limit]]
    names = ("reason", "integration_id", "schema_name", "token_id", "requests", "bytes")
    text = columns(
        ("reason", "id", "schema", "token", "requests", "bytes", "first", "last", "from"),
        [[item[name] for name in (*names, "first_at", "last_at", "last_peer")] for item in found],
    )
    show(arguments, found, text)
    if len(rows) > len(found):
        print("pushgate: these are the most recent; there are more: see --limit", file=sys.stderr)


async def _integration_id(database: Connection[Record], name: str | None) -> int | None:
    if name is None:
        return None
    called = await database.fetch(load_queries("cli")["integrations_called"], name)
    return int(find_integration([dict(row) for row in called], name)["id"])


def _document(row: Record) -> dict[str, Any]:
    return {
        "reason": row["reason"],
        "integration_id": row["integration_id"],
        "schema_name": row["schema_name"],
        "token_id": row["token_id"],
        "first_at": format_time(row["first_at"]),
        "last_at": format_time(row["last_at"]),
        "requests": row["requests"],
        "bytes": row["bytes"],
        "last_peer": row["last_peer"],
    }
