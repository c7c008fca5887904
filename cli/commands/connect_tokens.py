"""Connect tokens: what the Connect API asks for, each with a role."""

import argparse
from typing import get_args

from cli.command import Subparsers, add_command, add_group
from cli.ids import token_id
from cli.operator_access import add_account_options, operator_access
from cli.output import columns, facts, show
from cli.times import format_time
from events.ids import ConnectTokenId
from events.types import Role


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
    add_account_options(parser)
    parser = add_command(group, "list", list_active, summary="the active ones, newest first")
    add_account_options(parser)
    parser = add_command(group, "revoke", revoke, summary="refuse it from now on")
    parser.add_argument("id", metavar="ID", type=token_id, help="its id, never its text")
    add_account_options(parser)


async def generate(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        token = await use_cases.connect_tokens.generate(caller, arguments.role)
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
    async with operator_access(arguments) as (use_cases, caller):
        tokens = await use_cases.read_model.connect_tokens(caller)
    found = [
        {
            "id": token.connect_token_id,
            "role": token.role,
            "last_four": token.last_four,
            "created_at": format_time(token.generated_at),
        }
        for token in tokens
    ]
    titles = ("id", "role", "last_four", "created_at")
    text = columns(
        ("id", "role", "ends in", "created"), [[item[title] for title in titles] for item in found]
    )
    show(arguments, found, text)


async def revoke(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        await use_cases.connect_tokens.revoke(caller, ConnectTokenId(arguments.id))
    show(arguments, {"id": arguments.id}, f"Connect token {arguments.id} is revoked")
