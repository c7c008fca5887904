"""`audit trace` and `audit source`: from a token to its rows, and from a row to its token."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

from audit.provenance import NoSuchRow, row_with_key, rows_received_at
from cli.command import Subparsers, add_command
from cli.commands.token_input import read_unverified_token
from cli.database import connection_to
from cli.errors import CommandFailed
from cli.history_api import HistoryApi, history_api
from cli.ids import token_id
from cli.installation import Installation, installation_of
from cli.output import add_json, counted, facts, show
from protocol.token_text import TokenShape, recognise_token, token_hash
from services.loader.schema.identifiers import root_table_name

ROWS_SHOWN = 20


def register(group: Subparsers) -> None:
    parser = add_command(
        group, "trace", trace, summary="every receipt that a token wrote, and what became of it"
    )
    parser.add_argument(
        "token_id",
        nargs="?",
        type=token_id,
        metavar="TOKEN_ID",
        help="without it the token's text is read from standard input, or asked for",
    )
    parser.add_argument(
        "--rows", action="store_true", help="also the rows that are still as the token left them"
    )
    add_json(parser)
    parser = add_command(group, "source", source, summary="which receipt and token a row came from")
    parser.add_argument("table", metavar="SCHEMA.TABLE")
    parser.add_argument("key", nargs="+", metavar="KEY", help="of the row, in the key's order")
    add_json(parser)


async def trace(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    where = f"/tokens/{arguments.token_id}"
    if arguments.token_id is None:
        where = f"/tokens/by-hash/{_read_token_hash()}"
    async with history_api(installation) as api:
        token = await api.document(where)
        receipts = [entry async for entry in _receipts(api, token["token_id"])]
        if arguments.rows:
            await _add_rows(receipts, token["schema_name"], api, installation)
    show(arguments, {"token": token, "receipts": receipts}, _trace_text(token, receipts))


def _read_token_hash() -> str:
    """Of a text that never stands on a command line, where others could read it."""
    unverified = read_unverified_token("The token (not shown, and not sent anywhere): ")
    if recognise_token(unverified, "at_") is not TokenShape.WELL_FORMED:
        raise CommandFailed(
            "This is no whole access token: it was cut, retyped, or is something else."
        )
    return token_hash(unverified).hex()


async def _receipts(api: HistoryApi, token_id: int) -> AsyncIterator[dict[str, Any]]:
    async for line in api.lines(f"/tokens/{token_id}/receipts"):
        entry = json.loads(line)
        yield {**entry["receipt"], "tables": entry["tables"]}


async def _add_rows(
    receipts: list[dict[str, Any]], schema: str, api: HistoryApi, installation: Installation
) -> None:
    """To each receipt the rows that it wrote last; the others were replaced or rejected since.

    Rows are told with the destination's name of their table. Which of two receipts of one moment
    wrote a row into a table of both, nobody can say: both are told with it.
    """
    by_moment: dict[datetime, list[dict[str, Any]]] = {}
    for entry in receipts:
        by_moment.setdefault(datetime.fromisoformat(entry["received_at"]), []).append(entry)
        entry["rows"] = []
        query = {"schema": schema, "moment": entry["received_at"]}
        at_once = [other["number"] for other in await api.document("/receipts/at", query)]
        entry["same_moment"] = [number for number in at_once if number != entry["number"]]
    tables_of = {
        entry["number"]: _destination_tables(table["table"] for table in entry["tables"])
        for entry in receipts
    }
    url = installation.destination_url()
    async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
        for table in sorted(set[str]().union(*tables_of.values())):
            found = await rows_received_at(destination, schema, table, moments=[*by_moment])
            for row in found:
                for entry in by_moment[row.received_at]:
                    if table in tables_of[entry["number"]]:
                        entry["rows"].append({"table": table, "row": row.row})
    for entry in receipts:
        entry["replaced"] = max(0, entry["records"] - len(entry["rows"]))


def _destination_tables(names: Iterable[str]) -> set[str]:
    """Several names that a client wrote may be one table; what can't be a name has none."""
    found = [root_table_name(name) for name in names]
    return {name.text for name in found if name.problem is None}


def _trace_text(token: dict[str, Any], receipts: list[dict[str, Any]]) -> str:
    made, ended = token["generated"], token["revoked"]
    head = facts(
        [
            ("token", token["token_id"]),
            ("integration", f"{token['integration_id']}, schema {token['schema_name']}"),
            ("generated", f"{made['time']} by {made['actor']}, fact {made['number']}"),
            (
                "revoked",
                f"{ended['time']} by {ended['actor']}, fact {ended['number']}" if ended else "no",
            ),
            ("wrote", counted(len(receipts), "receipt")),
        ]
    )
    return "\n".join([head, *(_receipt_text(entry) for entry in receipts)])


def _receipt_text(entry: dict[str, Any]) -> str:
    tables = ", ".join(
        f"{table['table']} {table['state']}" + (f" ({table['reason']})" if table["reason"] else "")
        for table in entry["tables"]
    )
    lines = [
        f"\nreceipt {entry['number']}  {entry['received_at']}  from {entry['peer'] or 'unknown'}",
        f"  {counted(entry['records'], 'record')}, {entry['bytes']:,} bytes, {tables}",
        f"  sha256 {entry['body_sha256']}",
    ]
    if any(table["rejected_in_load"] for table in entry["tables"]):
        lines.append("  some records of its load were rejected: see _sdc_rejected")
    if "rows" in entry:
        lines += [
            f"  {row['table']}: {json.dumps(row['row'])}" for row in entry["rows"][:ROWS_SHOWN]
        ]
        more = len(entry["rows"]) - ROWS_SHOWN
        lines += [f"  and {counted(more, 'more row')}: --json shows them"] if more > 0 else []
        lines.append(f"  {counted(entry['replaced'], 'record')} replaced or rejected since")
        if entry["same_moment"]:
            lines.append(f"  received at the same moment as {entry['same_moment']}: look at both")
    return "\n".join(lines)


async def source(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    schema, _, table = arguments.table.partition(".")
    if not schema or not table:
        raise CommandFailed("Name the table with its schema: SCHEMA.TABLE.")
    url = installation.destination_url()
    async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
        try:
            found = await row_with_key(destination, schema, table, key=arguments.key)
        except NoSuchRow as error:
            raise CommandFailed(str(error)) from error
    moment = found.received_at.isoformat()
    async with history_api(installation) as api:
        at_once = await api.document("/receipts/at", {"schema": schema, "moment": moment})
        receipts = [one for one in at_once if _wrote(one, table)]
        tokens = [await api.document(f"/tokens/{one['token_id']}") for one in receipts]
    if not receipts:
        raise CommandFailed(
            f"No receipt is of {moment}: this row was not written through this gate."
        )
    sources = [
        {"receipt": one, "token": token} for one, token in zip(receipts, tokens, strict=True)
    ]
    told = "\n".join(_source_text(one["receipt"], one["token"]) for one in sources)
    show(arguments, {"row": found.row, "sources": sources}, told)


def _wrote(receipt: dict[str, Any], table: str) -> bool:
    """Sub-tables are named after their root and two underscores."""
    roots = _destination_tables(receipt["tables"])
    return any(table == root or table.startswith(f"{root}__") for root in roots)


def _source_text(receipt: dict[str, Any], token: dict[str, Any]) -> str:
    return (
        f"receipt {receipt['number']} of {receipt['received_at']} from {receipt['peer']}: token"
        f" {token['token_id']}, generated {token['generated']['time']} by"
        f" {token['generated']['actor']}; body sha256 {receipt['body_sha256']}"
    )
