"""`audit trace` and `audit source`: from a token to its rows, and from a row to its token."""

from __future__ import annotations

import argparse
import json
from typing import Any

from audit.provenance import row_with_key
from audit.trace import add_rows, receipts_of_token, sources_of
from cli.command import Subparsers, add_command
from cli.database import connection_to
from cli.errors import CommandFailed
from cli.history_api import history_api, reporting_audit_errors
from cli.installation import installation_of
from cli.output import add_json, counted, facts, show
from cli.token_arguments import read_unverified_token, token_id
from protocol.token_text import TokenShape, recognise_token, token_hash

ROWS_SHOWN = 20


def register(group: Subparsers) -> None:
    parser = add_command(
        group,
        "trace",
        trace,
        summary="Show every receipt of a token, and what became of its records.",
        example="pushgate audit trace 3 --rows",
    )
    parser.add_argument(
        "token_id",
        nargs="?",
        type=token_id,
        metavar="TOKEN_ID",
        help="The token's id. Default: read the token's text from standard input or a prompt.",
    )
    parser.add_argument(
        "--rows",
        action="store_true",
        help="Also show the rows in the destination that are still as the token left them.",
    )
    add_json(parser)
    parser = add_command(
        group,
        "source",
        source,
        summary="Show the receipt and the token that a row came from.",
        example="pushgate audit source web_shop.orders 42",
    )
    parser.add_argument(
        "table", metavar="SCHEMA.TABLE", help="The table, as it is called in the destination."
    )
    parser.add_argument(
        "key",
        nargs="+",
        metavar="KEY",
        help="The values of the row's primary key, in the order of the key's columns.",
    )
    add_json(parser)


async def trace(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    path = f"/tokens/{arguments.token_id}"
    if arguments.token_id is None:
        path = f"/tokens/by-hash/{_read_token_hash()}"
    async with history_api(installation) as client:
        token = await client.document(path)
        receipts = [receipt async for receipt in receipts_of_token(client, token["token_id"])]
        if arguments.rows:
            url = installation.destination_url()
            async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
                await add_rows(receipts, token["schema_name"], client, destination)
    show(arguments, {"token": token, "receipts": receipts}, _trace_text(token, receipts))


def _read_token_hash() -> str:
    """The token's text is never an argument: others can read command lines."""
    unverified = read_unverified_token("Token (not shown, and not sent anywhere): ")
    if recognise_token(unverified, "at_") is not TokenShape.WELL_FORMED:
        raise CommandFailed(
            "This is not a complete access token: it was cut off, retyped, or is something else."
        )
    return token_hash(unverified).hex()


def _trace_text(token: dict[str, Any], receipts: list[dict[str, Any]]) -> str:
    generated, revoked = token["generated"], token["revoked"]
    head = facts(
        [
            ("token", token["token_id"]),
            ("integration", f"{token['integration_id']}, schema {token['schema_name']}"),
            ("generated", _event_text(generated)),
            ("revoked", _event_text(revoked) if revoked else "no"),
            ("wrote", counted(len(receipts), "receipt")),
        ]
    )
    return "\n".join([head, *(_receipt_text(receipt) for receipt in receipts)])


def _event_text(event: dict[str, Any]) -> str:
    return f"{event['time']} by {event['actor']}, event {event['number']}"


def _receipt_text(receipt: dict[str, Any]) -> str:
    tables = ", ".join(
        f"{table['table']} {table['state']}" + (f" ({table['reason']})" if table["reason"] else "")
        for table in receipt["tables"]
    )
    peer = receipt["peer"] or "unknown"
    lines = [
        f"\nreceipt {receipt['number']}  {receipt['received_at']}  from {peer}",
        f"  {counted(receipt['records'], 'record')}, {receipt['bytes']:,} bytes, {tables}",
        f"  sha256 {receipt['body_sha256']}",
    ]
    if any(table["rejected_in_load"] for table in receipt["tables"]):
        lines.append("  some records of its load were rejected: see _sdc_rejected")
    if "rows" in receipt:
        lines += _rows_text(receipt)
    return "\n".join(lines)


def _rows_text(receipt: dict[str, Any]) -> list[str]:
    rows = receipt["rows"]
    lines = [f"  {row['table']}: {json.dumps(row['row'])}" for row in rows[:ROWS_SHOWN]]
    if len(rows) > ROWS_SHOWN:
        more = counted(len(rows) - ROWS_SHOWN, "more row")
        lines.append(f"  and {more}: --json shows them")
    lines.append(f"  {counted(receipt['replaced'], 'record')} replaced or rejected since")
    if receipt["same_moment"]:
        lines.append(
            f"  received at the same time as {receipt['same_moment']}: a row may come from either"
        )
    return lines


async def source(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    schema, _, table = arguments.table.partition(".")
    if not schema or not table:
        raise CommandFailed("Name the table with its schema: SCHEMA.TABLE.")
    url = installation.destination_url()
    async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
        with reporting_audit_errors():
            written = await row_with_key(destination, schema, table, key=arguments.key)
    async with history_api(installation) as client:
        sources = await sources_of(client, schema, table, written)
    text = "\n".join(_source_text(one["receipt"], one["token"]) for one in sources)
    show(arguments, {"row": written.row, "sources": sources}, text)


def _source_text(receipt: dict[str, Any], token: dict[str, Any]) -> str:
    return (
        f"receipt {receipt['number']} of {receipt['received_at']} from {receipt['peer']}: token"
        f" {token['token_id']}, generated {token['generated']['time']} by"
        f" {token['generated']['actor']}; body sha256 {receipt['body_sha256']}"
    )
