"""Integrations: what a person calls a thing that pushes; the Connect API says *source*."""

import argparse
from typing import Any

from cli.command import Subparsers, add_command, add_group
from cli.commands.loaded_tables import loaded_tables, tables_text
from cli.commands.which_integration import which_integration
from cli.connect_api import connect_api
from cli.errors import CommandFailed
from cli.installation import installation_of
from cli.output import add_json, columns, facts, show
from cli.times import format_time
from services.runtime.clock import SystemClock


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "integrations", summary="what may push, each into its own schema")
    parser = add_command(
        group, "create", create, summary="make an integration and its first token, shown once"
    )
    parser.add_argument("name", metavar="NAME", help="a display name; the schema name follows it")
    add_json(parser)
    parser = add_command(group, "list", list_all, summary="all integrations of this account")
    parser.add_argument("--deleted", action="store_true", help="deleted ones too")
    add_json(parser)
    for name, run, summary in (
        ("show", show_one, "one integration, its active tokens and its tables"),
        ("pause", pause, "refuse its pushes from now on; its tokens stay"),
        ("resume", resume, "take its pushes again, with the same tokens"),
        ("delete", delete, "refuse its pushes for good; what is loaded stays"),
    ):
        parser = add_command(group, name, run, summary=summary)
        add_integration(parser)
        add_json(parser)


def add_integration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "integration", metavar="I", help="an integration: its id, schema name or display name"
    )


async def create(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = await api.create_source(arguments.name)
        try:
            token = await api.create_token(source["id"])
        except CommandFailed as refused:
            raise CommandFailed(
                f"Integration {source['id']} was made, but no token for it: {refused}"
                f" Then run `pushgate tokens generate {source['id']}`."
            ) from refused
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
            ("token", f"{token['access_token']}  (shown this once: keep it now)"),
        ]
    )
    show(arguments, document, text)


async def list_all(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        sources = await api.sources()
    found = [
        as_integration(source)
        for source in sources
        if arguments.deleted or source["deleted_at"] is None
    ]
    rows = [[i["id"], i["state"], i["schema_name"], i["name"], i["created_at"]] for i in found]
    show(arguments, found, columns(("id", "state", "schema", "name", "created"), rows))


async def show_one(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    async with connect_api(installation) as api:
        source = which_integration(await api.sources(), arguments.integration)
        # A deleted one's tokens can't write, and are not listed.
        tokens = [] if source["deleted_at"] else await api.tokens(source["id"])
    document = as_integration(source) | {
        "tokens": [{"id": token["token_id"], "created_at": token["created_at"]} for token in tokens]
    }
    tables = await loaded_tables(installation, document)
    ids = ", ".join(str(token["id"]) for token in document["tokens"])
    text = _text(document, ("active tokens", ids or "none"))
    if tables is not None:
        text = f"{text}\n\n{tables_text(tables)}"
    show(arguments, document | {"tables": tables}, text)


async def pause(arguments: argparse.Namespace) -> None:
    now = format_time(SystemClock().now())
    await _change(arguments, {"paused_at": now})


async def resume(arguments: argparse.Namespace) -> None:
    await _change(arguments, {"paused_at": None})


async def delete(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = which_integration(await api.sources(), arguments.integration)
        _print(arguments, await api.delete_source(source["id"]))


async def _change(arguments: argparse.Namespace, changes: dict[str, Any]) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = which_integration(await api.sources(), arguments.integration)
        _print(arguments, await api.update_source(source["id"], changes))


def _print(arguments: argparse.Namespace, source: dict[str, Any]) -> None:
    document = as_integration(source)
    show(arguments, document, _text(document))


def as_integration(source: dict[str, Any]) -> dict[str, Any]:
    """The Connect API's source in our own words."""
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
