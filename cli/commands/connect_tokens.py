"""`pushgate connect-tokens`: credentials of the Connect API, each with a role."""

import argparse
from typing import get_args

from cli.command import Subparsers, add_command, add_group
from cli.operator_access import add_account_options, operator_access
from cli.output import columns, facts, show, shown_once
from cli.times import format_time
from cli.token_arguments import token_id
from events.ids import ConnectTokenId
from events.types import Role


def register(subparsers: Subparsers) -> None:
    group = add_group(
        subparsers,
        "connect-tokens",
        summary="Manage Connect tokens, the credentials of the Connect API.",
    )
    parser = add_command(
        group,
        "generate",
        generate,
        summary="Generate a Connect token and print it, which happens only once.",
        example="pushgate connect-tokens generate --role auditor",
    )
    parser.add_argument(
        "--role",
        choices=get_args(Role),
        default="member",
        help="An owner may do everything, a member manages integrations and tokens, an auditor only"
        " reads. Default: member.",
    )
    add_account_options(parser)
    parser = add_command(
        group,
        "list",
        list_active,
        summary="List the active Connect tokens, newest first.",
        example="pushgate connect-tokens list",
    )
    add_account_options(parser)
    parser = add_command(
        group,
        "revoke",
        revoke,
        summary="Revoke a Connect token: it is refused from now on.",
        example="pushgate connect-tokens revoke 2",
    )
    parser.add_argument(
        "id", metavar="TOKEN_ID", type=token_id, help="The token's id, never its text."
    )
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
            ("Connect token", shown_once(token.access_token)),
        ]
    )
    show(arguments, document, text)


async def list_active(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        tokens = await use_cases.read_model.connect_tokens(caller)
    documents = [
        {
            "id": token.connect_token_id,
            "role": token.role,
            "last_four": token.last_four,
            "created_at": format_time(token.generated_at),
        }
        for token in tokens
    ]
    keys = ("id", "role", "last_four", "created_at")
    rows = [[document[key] for key in keys] for document in documents]
    show(arguments, documents, columns(("id", "role", "ends in", "created"), rows))


async def revoke(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        await use_cases.connect_tokens.revoke(caller, ConnectTokenId(arguments.id))
    show(arguments, {"id": arguments.id}, f"Connect token {arguments.id} is revoked")
