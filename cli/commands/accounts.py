"""Accounts: a client id, and the Connect tokens that speak for it."""

import argparse

from cli.command import Subparsers, add_command, add_group
from cli.installation import installation_of
from cli.output import add_json, facts, show
from cli.token_handlers import token_service_handlers


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "accounts", summary="who owns integrations")
    parser = add_command(
        group, "create", create, summary="open an account; its Connect token is shown once"
    )
    parser.add_argument("name", metavar="NAME", help="for people; it may be changed or erased")
    add_json(parser)


async def create(arguments: argparse.Namespace) -> None:
    async with token_service_handlers(installation_of(arguments)) as use_cases:
        account = await use_cases.accounts.open(arguments.name)
    document = {
        "client_id": account.account_id,
        "name": account.name,
        "connect_token": {"id": account.connect_token_id, "access_token": account.access_token},
    }
    text = facts(
        [
            ("client id", account.account_id),
            ("name", account.name),
            ("Connect token id", account.connect_token_id),
            ("Connect token", f"{account.access_token}  (shown this once: keep it now)"),
        ]
    )
    show(arguments, document, text)
