"""`pushgate integrations`: what may push, each into its own schema (a *source* in Connect API)."""

import argparse
import sys
from typing import Any

from asyncpg import Record

from cli.command import Subparsers, add_command, add_group
from cli.connect_api import connect_api
from cli.database import connection_to
from cli.errors import CommandFailed
from cli.installation import Installation, installation_of
from cli.integration_argument import add_integration, find_integration
from cli.output import add_json, columns, facts, show, shown_once
from cli.times import format_time
from events.sql_files import load_queries
from services.loader.schema.identifiers import root_table_name
from services.runtime.clock import SystemClock


def register(subparsers: Subparsers) -> None:
    group = add_group(
        subparsers, "integrations", summary="Manage integrations; each loads into its own schema."
    )
    parser = add_command(
        group,
        "create",
        create,
        summary="Create an integration and print its first token, which is shown only once.",
        example='pushgate integrations create "Web shop"',
    )
    parser.add_argument(
        "name", metavar="NAME", help="A display name; the schema name is derived from it."
    )
    add_json(parser)
    parser = add_command(
        group,
        "list",
        list_all,
        summary="List the integrations of the account.",
        example="pushgate integrations list --deleted",
    )
    parser.add_argument("--deleted", action="store_true", help="Include deleted integrations.")
    add_json(parser)
    for name, run, summary in (
        ("show", show_one, "Show an integration, its active tokens and its tables."),
        ("pause", pause, "Pause an integration: its pushes are refused, its tokens stay."),
        ("resume", resume, "Resume an integration: its pushes are accepted with the same tokens."),
        ("delete", delete, "Delete an integration permanently; loaded tables stay."),
    ):
        example = f"pushgate integrations {name} web_shop"
        parser = add_command(group, name, run, summary=summary, example=example)
        add_integration(parser)
        add_json(parser)


async def create(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = await api.create_source(arguments.name)
        try:
            token = await api.create_token(source["id"])
        except CommandFailed as error:
            raise CommandFailed(
                f"Integration {source['id']} was created, but not its token: {error}"
                f" Then run `pushgate tokens generate {source['id']}`."
            ) from error
    document = {
        "id": source["id"],
        "client_id": source["stitch_client_id"],
        "name": source["display_name"],
        "schema_name": source["name"],
        "token": {"id": token["id"], "access_token": token["access_token"]},
    }
    text = facts(
        [
            ("integration", f"{source['id']}  {source['display_name']}"),
            ("client id", source["stitch_client_id"]),
            ("schema", source["name"]),
            ("token id", token["id"]),
            ("token", shown_once(token["access_token"])),
        ]
    )
    show(arguments, document, text)


async def list_all(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        sources = await api.sources()
    found = [
        integration_document(source)
        for source in sources
        if arguments.deleted or source["deleted_at"] is None
    ]
    rows = [[i["id"], i["state"], i["schema_name"], i["name"], i["created_at"]] for i in found]
    show(arguments, found, columns(("id", "state", "schema", "name", "created"), rows))


async def show_one(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    async with connect_api(installation) as api:
        source = find_integration(await api.sources(), arguments.integration)
        # The tokens of a deleted integration cannot write, and the API does not list them.
        tokens = [] if source["deleted_at"] else await api.tokens(source["id"])
    document = integration_document(source) | {
        "tokens": [{"id": token["token_id"], "created_at": token["created_at"]} for token in tokens]
    }
    tables = await _tables(installation, document)
    ids = ", ".join(str(token["id"]) for token in document["tokens"])
    text = _text(document, ("active tokens", ids or "none"))
    if tables is not None:
        text = f"{text}\n\n{_tables_text(tables)}"
    show(arguments, document | {"tables": tables}, text)


async def pause(arguments: argparse.Namespace) -> None:
    now = format_time(SystemClock().now())
    await _change(arguments, {"paused_at": now})


async def resume(arguments: argparse.Namespace) -> None:
    await _change(arguments, {"paused_at": None})


async def delete(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = find_integration(await api.sources(), arguments.integration)
        _print(arguments, await api.delete_source(source["id"]))


async def _change(arguments: argparse.Namespace, changes: dict[str, Any]) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = find_integration(await api.sources(), arguments.integration)
        _print(arguments, await api.update_source(source["id"], changes))


def _print(arguments: argparse.Namespace, source: dict[str, Any]) -> None:
    document = integration_document(source)
    show(arguments, document, _text(document))


def integration_document(source: dict[str, Any]) -> dict[str, Any]:
    """A source of the Connect API in the words of the commands."""
    state = "paused" if source["paused_at"] else "active"
    return {
        "id": source["id"],
        "client_id": source["stitch_client_id"],
        "name": source["display_name"],
        "schema_name": source["name"],
        "state": "deleted" if source["deleted_at"] else state,
        "paused_at": source["paused_at"],
        "created_at": source["created_at"],
        "updated_at": source["updated_at"],
        "deleted_at": source["deleted_at"],
    }


def _text(integration: dict[str, Any], *more: tuple[str, object]) -> str:
    return facts(
        [
            ("integration", f"{integration['id']}  {integration['name']}"),
            ("client id", integration["client_id"]),
            ("schema", integration["schema_name"]),
            ("state", integration["state"]),
            ("created", integration["created_at"]),
            ("changed", integration["updated_at"]),
            *more,
        ]
    )


async def _tables(
    installation: Installation, integration: dict[str, Any]
) -> list[dict[str, Any]] | None:
    """The integration's tables; None, and why on standard error, if the database is not there."""
    try:
        url = installation.database_url_of_connect_api()
        async with connection_to(url, "PUSHGATE_DATABASE_URL") as database:
            rows = await database.fetch(load_queries("cli")["table_report"], integration["id"])
    except CommandFailed as error:
        print(f"pushgate: cannot show the tables: {error}", file=sys.stderr)
        return None
    existing = await _existing_tables(installation, integration["schema_name"]) if rows else {}
    return [_table_document(row, existing) for row in rows]


async def _existing_tables(installation: Installation, schema: str) -> dict[str, Record]:
    try:
        url = installation.destination_url_of_connect_api()
        async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
            rows = await destination.fetch(load_queries("cli")["existing_tables"], schema)
    except CommandFailed as error:
        print(f"pushgate: cannot show the tables' columns: {error}", file=sys.stderr)
        return {}
    return {row["table_name"]: row for row in rows}


def _table_document(row: Record, existing: dict[str, Record]) -> dict[str, Any]:
    """``rows`` and ``columns`` are null when the table does not exist or could not be read."""
    name = root_table_name(row["table_name"]).text
    table, loaded_at = existing.get(name), row["last_loaded_at"]
    return {
        "table": row["table_name"],
        "name": name,
        "rows": table and table["rows"],
        "columns": table and table["columns"],
        "loads": row["loads"],
        "records": row["records"],
        "rows_loaded": row["rows_loaded"],
        "rejected": row["rejected"],
        "last_loaded_at": loaded_at and format_time(loaded_at),
        "lag_seconds": row["last_lag_seconds"],
        "waiting": row["waiting"],
        "oldest_waiting_seconds": row["oldest_waiting_seconds"],
        "failed": row["failed"],
        "put_back_reason": row["put_back_reason"],
    }


def _tables_text(tables: list[dict[str, Any]]) -> str:
    titles = (
        "table",
        "columns",
        "rows",
        "rows loaded",
        "rejected",
        "last load",
        "lag",
        "waiting",
        "failed",
    )
    lines = columns(titles, [_table_row(table) for table in tables])
    problems = [
        f"{table['name']} cannot be loaded at the moment: {table['put_back_reason']}"
        for table in tables
        if table["put_back_reason"]
    ]
    return "\n".join([lines, *problems])


def _table_row(table: dict[str, Any]) -> list[object]:
    lag = table["lag_seconds"]
    return [
        table["name"],
        None if table["columns"] is None else len(table["columns"]),
        None if table["rows"] is None else f"{table['rows']:,}",
        f"{table['rows_loaded']:,}",
        f"{table['rejected']:,}",
        table["last_loaded_at"] and table["last_loaded_at"][:19],
        None if lag is None else f"{lag:.1f} s",
        f"{table['waiting']:,}",
        f"{table['failed']:,}",
    ]
