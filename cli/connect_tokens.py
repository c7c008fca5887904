"""Connect tokens: what the Connect API asks for, each with a role."""

import argparse
from typing import get_args

from cli.database import token_handlers
from cli.frame import Subparsers, add_command, add_group
from cli.output import add_json, columns, facts, show
from cli.target import Target, target_of
from events.ids import AccountId, ConnectTokenId
from events.types import Role
from services.tokens.authority import Caller, the_system


def register(subparsers: Subparsers) -> None:
    group = add_group(
        subparsers, "connect-tokens", summary="tokens of the Connect API, which manages the others"
    )
    parser = add_command(group, "generate", generate, summary="make one; it is shown once")
    parser.add_argument(
        "--role",
        choices=get_args(Role),
        default="member",
        help="owner: everything; member (the default): integrations and tokens; auditor: reads",
    )
    _add_common(parser)
    parser = add_command(group, "list", list_active, summary="the active ones, newest first")
    _add_common(parser)
    parser = add_command(group, "revoke", revoke, summary="refuse it from now on")
    parser.add_argument("id", metavar="ID", type=int)
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--client-id",
        metavar="N",
        type=int,
        help="whose account; default: PUSHGATE_CLIENT_ID, else that of `up`",
    )
    add_json(parser)


async def generate(arguments: argparse.Namespace) -> None:
    target = target_of(arguments)
    async with token_handlers(target) as handlers:
        token = await handlers.generate_connect_token(_operator(arguments, target), arguments.role)
    document = {
        "id": token.connect_token_id,
        "role": token.role,
        "access_token": token.access_token,
    }
    text = facts(
        [
            ("Connect token id", token.connect_token_id),
            ("role", token.role),
            ("Connect token", f"{token.access_token}  (shown this once: keep it now)"),
        ]
    )
    show(arguments, document, text)


async def list_active(arguments: argparse.Namespace) -> None:
    target = target_of(arguments)
    async with token_handlers(target) as handlers:
        tokens = await handlers.directory.connect_tokens(_operator(arguments, target))
    found = [
        {
            "id": token.connect_token_id,
            "role": token.role,
            "last_four": token.last_four,
            "created_at": token.generated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for token in tokens
    ]
    titles = ("id", "role", "last_four", "created_at")
    text = columns(
        ("id", "role", "ends in", "created"), [[item[title] for title in titles] for item in found]
    )
    show(arguments, found, text)


async def revoke(arguments: argparse.Namespace) -> None:
    target = target_of(arguments)
    async with token_handlers(target) as handlers:
        await handlers.revoke_connect_token(
            _operator(arguments, target), ConnectTokenId(arguments.id)
        )
    show(arguments, {"id": arguments.id}, f"Connect token {arguments.id} is revoked")


def _operator(arguments: argparse.Namespace, target: Target) -> Caller:
    """Whoever can read the database's password may act for any account in it."""
    number = target.client_id() if arguments.client_id is None else arguments.client_id
    return the_system(AccountId(number))
