"""`pushgate accounts`: open an account, which has a client id and Connect tokens."""

import argparse

from cli.command import Subparsers, add_command, add_group
from cli.installation import installation_of
from cli.operator_access import token_use_cases
from cli.output import add_json, facts, show, shown_once


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "accounts", summary="Manage accounts.")
    parser = add_command(
        group,
        "create",
        create,
        summary="Open an account and print its Connect token, which is shown only once.",
        example='pushgate accounts create "Web shop team"',
    )
    parser.add_argument("name", metavar="NAME", help="A name for people. It can be changed later.")
    add_json(parser)


async def create(arguments: argparse.Namespace) -> None:
    async with token_use_cases(installation_of(arguments)) as use_cases:
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
            ("Connect token", shown_once(account.access_token)),
        ]
    )
    show(arguments, document, text)
