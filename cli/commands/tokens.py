"""The commands about tokens that push."""

import argparse
from typing import Any

from cli.command import Subparsers, add_command, add_group
from cli.commands.integrations import add_integration
from cli.commands.serve import add_program
from cli.commands.token_check import check
from cli.commands.token_use import add_usage
from cli.commands.which_integration import which_integration
from cli.connect_api import ConnectApi, connect_api
from cli.errors import CommandFailed
from cli.ids import token_id
from cli.installation import installation_of
from cli.output import add_json, columns, facts, show
from services.tokens.limits import ACTIVE_TOKENS_MAX


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "tokens", summary="tokens that may push, and their service")
    add_program(group, "serve", "services.tokens", summary="serve the Connect API and the pages")
    parser = add_command(
        group,
        "generate",
        generate,
        summary="make a token and print it, this once; two may be active",
    )
    add_integration(parser)
    _add_label(parser)
    add_json(parser)
    parser = add_command(
        group, "list", list_active, summary="the active tokens of an integration, newest first"
    )
    add_integration(parser)
    add_json(parser)
    parser = add_command(
        group, "revoke", revoke, summary="refuse every push with this token from now on"
    )
    parser.add_argument(
        "token_id", metavar="TOKEN_ID", type=token_id, help="its id, never its text"
    )
    add_json(parser)
    parser = add_command(
        group, "rotate", rotate, summary="make the second token; with --finish, revoke the older"
    )
    add_integration(parser)
    exclusive = parser.add_mutually_exclusive_group()
    exclusive.add_argument(
        "--finish", action="store_true", help="revoke the older of the two active tokens"
    )
    _add_label(exclusive)
    add_json(parser)
    parser = add_command(
        group, "check", check, summary="what a token on standard input is: active, revoked, …"
    )
    add_json(parser)


def _add_label(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--label", metavar="WORDS", help="what will use it, to tell tokens apart; can be erased"
    )


async def generate(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = which_integration(await api.sources(), arguments.integration)
        token = await api.create_token(source["id"], arguments.label)
    document = {"id": token["id"], "access_token": token["access_token"]}
    show(arguments, document, facts(_new_token_facts(token)))


async def list_active(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    async with connect_api(installation) as api:
        source = which_integration(await api.sources(), arguments.integration)
        tokens = await api.tokens(source["id"])
    active = [{"id": token["token_id"], "created_at": token["created_at"]} for token in tokens]
    found = await add_usage(installation, source["id"], active)
    titles = (
        "id",
        "label",
        "created_at",
        "first_used_at",
        "first_peer",
        "last_used_at",
        "last_peer",
    )
    text = columns(
        ("id", "label", "created", "first used", "from", "last used", "from"),
        [[token[title] for title in titles] for token in found],
    )
    show(arguments, found, text)


async def revoke(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = await _integration_of_token(api, arguments.token_id)
        await api.revoke_token(source["id"], arguments.token_id)
    document = {"id": arguments.token_id, "integration_id": source["id"]}
    show(arguments, document, f"token {arguments.token_id} of {source['display_name']} is revoked")


async def rotate(arguments: argparse.Namespace) -> None:
    async with connect_api(installation_of(arguments)) as api:
        source = which_integration(await api.sources(), arguments.integration)
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
            f"{source['display_name']} has no active token to rotate:"
            f" `pushgate tokens generate {source['id']}` makes one."
        )
    token = await api.create_token(source["id"], label)
    document = {"id": token["id"], "access_token": token["access_token"], "old_id": active[0]}
    advice = f"pushgate tokens rotate {source['id']} --finish"
    return document, facts(
        [
            *_new_token_facts(token),
            ("old token id", f"{active[0]}  (active until: {advice})"),
        ]
    )


async def _finish(
    api: ConnectApi, source: dict[str, Any], active: list[int]
) -> tuple[dict[str, Any], str]:
    if len(active) < ACTIVE_TOKENS_MAX:
        raise CommandFailed(
            f"{source['display_name']} has {len(active)} active token(s), so there is no older one"
            f" to revoke: `pushgate tokens rotate {source['id']}` makes the second."
        )
    old, new = active[0], active[-1]
    await api.revoke_token(source["id"], old)
    return {"id": new, "revoked_id": old}, f"token {old} is revoked; token {new} stays"


async def _integration_of_token(api: ConnectApi, token_id: int) -> dict[str, Any]:
    """A token's id says nothing about its integration, and the API asks for both."""
    for source in await api.sources():
        if source["deleted_at"] is None:
            tokens = await api.tokens(source["id"])
            if any(token["token_id"] == token_id for token in tokens):
                return source
    raise CommandFailed(
        f"No active token of this account has the id {token_id}:"
        " `pushgate tokens list I` shows those of an integration."
    )


def _new_token_facts(token: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("token id", token["id"]),
        ("token", f"{token['access_token']}  (shown this once: keep it now)"),
    ]
