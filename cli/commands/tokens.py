"""`pushgate tokens`: the access tokens that push, how they are used, and the token service."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from cli.command import Subparsers, add_command, add_group
from cli.commands.serve import add_program
from cli.connect_api import ConnectApi, connect_api
from cli.database import connection_to, system_database
from cli.errors import FAILED, SUCCESS, CommandFailed
from cli.installation import Installation, installation_of
from cli.integration_argument import add_integration, find_integration
from cli.output import add_json, columns, counted, facts, show, shown_once
from cli.times import format_time
from cli.token_arguments import read_unverified_token, token_id
from events.sql_files import load_queries
from protocol.token_text import TokenShape, recognise_token, token_hash
from services.tokens.limits import ACTIVE_TOKENS_MAX

# Revoked tokens that are still used: the most recent ones are listed.
REVOKED_LISTED = 20


def register(subparsers: Subparsers) -> None:
    group = add_group(
        subparsers, "tokens", summary="Manage the access tokens that push, or run their service."
    )
    add_program(
        group,
        "serve",
        "services.tokens",
        summary="Run the token service: the Connect API and the web pages.",
    )
    parser = add_command(
        group,
        "generate",
        generate,
        summary="Generate a token and print it, which happens only once.",
        details="An integration can have two active tokens.",
        example="pushgate tokens generate web_shop --label checkout",
    )
    add_integration(parser)
    _add_label(parser)
    add_json(parser)
    parser = add_command(
        group,
        "list",
        list_active,
        summary="List the active tokens of an integration and their use, newest first.",
        example="pushgate tokens list web_shop",
    )
    add_integration(parser)
    add_json(parser)
    _register_revocation(group)
    parser = add_command(
        group,
        "check",
        check,
        summary="Show the state of a token, read from standard input or a prompt.",
        details="Exits with 0 only if pushes with it are accepted.",
        example="pushgate tokens check < token",
    )
    add_json(parser)


def _register_revocation(group: Subparsers) -> None:
    parser = add_command(
        group,
        "revoke",
        revoke,
        summary="Revoke a token: every push with it is refused from now on.",
        example="pushgate tokens revoke 3",
    )
    parser.add_argument(
        "token_id", metavar="TOKEN_ID", type=token_id, help="The token's id, never its text."
    )
    add_json(parser)
    parser = add_command(
        group,
        "rotate",
        rotate,
        summary="Generate a second token; with --finish, revoke the older of two.",
        example="pushgate tokens rotate web_shop",
    )
    add_integration(parser)
    exclusive = parser.add_mutually_exclusive_group()
    exclusive.add_argument(
        "--finish", action="store_true", help="Revoke the older of the two active tokens."
    )
    _add_label(exclusive)
    add_json(parser)


def _add_label(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--label",
        metavar="LABEL",
        help="A label, for example the app that uses the token. It can be erased later.",
    )


async def generate(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = find_integration(await api.sources(), arguments.integration)
        token = await api.create_token(source["id"], arguments.label)
    document = {"id": token["id"], "access_token": token["access_token"]}
    show(arguments, document, facts(_new_token_facts(token)))


async def list_active(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    async with connect_api(installation) as api:
        source = find_integration(await api.sources(), arguments.integration)
        tokens = await api.tokens(source["id"])
    active = [{"id": token["token_id"], "created_at": token["created_at"]} for token in tokens]
    documents = await _add_usage(installation, source["id"], active)
    keys = ("id", "label", "created_at", "first_used_at", "first_peer", "last_used_at", "last_peer")
    text = columns(
        ("id", "label", "created", "first used", "from", "last used", "from"),
        [[document[key] for key in keys] for document in documents],
    )
    show(arguments, documents, text)


async def revoke(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = await _integration_of_token(api, arguments.token_id)
        await api.revoke_token(source["id"], arguments.token_id)
    document = {"id": arguments.token_id, "integration_id": source["id"]}
    show(arguments, document, f"token {arguments.token_id} of {source['display_name']} is revoked")


async def rotate(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = find_integration(await api.sources(), arguments.integration)
        # Ids only grow (wire contract 4.5): the smaller one is the older.
        active = sorted(token["token_id"] for token in await api.tokens(source["id"]))
        if arguments.finish:
            document, text = await _finish(api, source, active)
        else:
            document, text = await _begin(api, source, active, arguments.label)
    show(arguments, document, text)


async def _begin(
    api: ConnectApi, source: dict[str, Any], active: list[int], label: str | None
) -> tuple[dict[str, Any], str]:
    if not active:
        raise CommandFailed(
            f"{source['display_name']} has no active token to rotate;"
            f" `pushgate tokens generate {source['id']}` makes one."
        )
    token = await api.create_token(source["id"], label)
    document = {"id": token["id"], "access_token": token["access_token"], "old_id": active[0]}
    finish = f"pushgate tokens rotate {source['id']} --finish"
    return document, facts(
        [
            *_new_token_facts(token),
            ("old token id", f"{active[0]}  (active until: {finish})"),
        ]
    )


async def _finish(
    api: ConnectApi, source: dict[str, Any], active: list[int]
) -> tuple[dict[str, Any], str]:
    if len(active) < ACTIVE_TOKENS_MAX:
        raise CommandFailed(
            f"{source['display_name']} has {counted(len(active), 'active token')}, so there is no"
            f" older one to revoke; `pushgate tokens rotate {source['id']}` makes the second."
        )
    old, new = active[0], active[-1]
    await api.revoke_token(source["id"], old)
    return {"id": new, "revoked_id": old}, f"token {old} is revoked; token {new} stays active"


async def _integration_of_token(api: ConnectApi, token_id: int) -> dict[str, Any]:
    """The API addresses a token by its integration, which its id does not reveal."""
    for source in await api.sources():
        if source["deleted_at"] is None:
            tokens = await api.tokens(source["id"])
            if any(token["token_id"] == token_id for token in tokens):
                return source
    raise CommandFailed(
        f"No active token of this account has the id {token_id};"
        " `pushgate tokens list INTEGRATION` lists those of an integration."
    )


def _new_token_facts(token: dict[str, Any]) -> list[tuple[str, object]]:
    return [("token id", token["id"]), ("token", shown_once(token["access_token"]))]


_NEVER_USED = {
    "label": None,
    "first_used_at": None,
    "first_peer": None,
    "last_used_at": None,
    "last_peer": None,
}


async def _add_usage(
    installation: Installation, integration_id: int, tokens: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Each of ``tokens`` with its label and its use, nulls where there is none.

    Standard error gets a warning for each revoked token that is still used, and the reason when
    the installation's database cannot be read.
    """
    queries = load_queries("cli")
    try:
        url = installation.database_url_of_connect_api()
        async with connection_to(url, "PUSHGATE_DATABASE_URL") as database:
            used = await database.fetch(queries["token_use"], [token["id"] for token in tokens])
            revoked = await database.fetch(
                queries["revoked_in_use"], integration_id, REVOKED_LISTED
            )
    except CommandFailed as error:
        print(f"pushgate: cannot show labels and use: {error}", file=sys.stderr)
        used, revoked = [], []
    for row in revoked:
        print(f"pushgate: {_revoked_warning(row)}", file=sys.stderr)
    usage = {row["token_id"]: _usage(row) for row in used}
    return [token | usage.get(token["id"], _NEVER_USED) for token in tokens]


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
        f"token {row['token_id']} is revoked but still used:"
        f" {counted(row['requests'], 'request')} refused, the last at"
        f" {format_time(row['last_at'])} from {row['last_peer'] or 'an unknown address'}."
        " They must all be sent again with an active token."
    )


_MEANING = {
    "active": "pushes with it are accepted",
    "paused": "its integration is paused; pushes are refused until it is resumed",
    "deleted": "its integration is deleted; pushes are rejected permanently",
    "revoked": "pushes with it are rejected permanently",
    "unknown": "well formed, but this installation did not generate it",
    TokenShape.MANGLED: "the checksum does not match; it was cut off, retyped or changed",
    TokenShape.NOT_OURS: "not an access token; those begin with at_",
}


async def check(arguments: argparse.Namespace) -> int:
    text = read_unverified_token("token (not shown): ")
    if not text:
        raise CommandFailed("Standard input holds no token: pipe one in, or type it.")
    shape = recognise_token(text, "at_")
    document: dict[str, Any] = {
        "form": shape,
        "state": None,
        "id": None,
        "integration_id": None,
        "schema_name": None,
    }
    if shape is TokenShape.WELL_FORMED:
        async with system_database(installation_of(arguments)) as database:
            row = await database.fetchrow(load_queries("cli")["token_state"], token_hash(text))
        document |= dict(row) if row is not None else {"state": "unknown"}
    show(arguments, document, _check_text(document))
    return SUCCESS if document["state"] == "active" else FAILED


def _check_text(document: dict[str, Any]) -> str:
    state = document["state"] or document["form"]
    if document["id"] is None:
        return f"{state}: {_MEANING[state]}"
    integration = f"integration {document['integration_id']}, schema {document['schema_name']}"
    return f"token {document['id']} ({integration}): {state}; {_MEANING[state]}"
