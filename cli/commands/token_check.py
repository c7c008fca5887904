"""What a token is, told by its text: read from standard input, never from the command line."""

import argparse
from typing import Any

from cli.commands.token_input import read_unverified_token
from cli.database import system_database
from cli.errors import FAILED, SUCCESS, CommandFailed
from cli.installation import installation_of
from cli.output import show
from events.sql_files import load_queries
from protocol.token_text import Prefix, TokenShape, recognise_token, token_hash

_MEANING = {
    "active": "it may push",
    "paused": "its integration is paused: pushes are refused until it is resumed",
    "deleted": "its integration is deleted: pushes are refused",
    "revoked": "it was revoked: pushes are refused for good",
    "unknown": "well formed, but this system never made it",
    TokenShape.MANGLED: "the checksum does not fit: it was cut, retyped or changed",
    TokenShape.NOT_OURS: "no access token: those begin with at_",
}


async def check(arguments: argparse.Namespace) -> int:
    """Exit code 0 means that the token may push."""
    text = _read_token()
    prefix: Prefix = "at_"
    shape = recognise_token(text, prefix)
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
    show(arguments, document, _text(document))
    return SUCCESS if document["state"] == "active" else FAILED


def _read_token() -> str:
    text = read_unverified_token("token (not shown): ")
    if not text:
        raise CommandFailed("No token came on standard input: pipe or type one.")
    return text


def _text(document: dict[str, Any]) -> str:
    meaning = _MEANING[document["state"] or document["form"]]
    if document["id"] is None:
        return f"{document['state'] or document['form']}: {meaning}"
    place = f"integration {document['integration_id']}, schema {document['schema_name']}"
    return f"token {document['id']} ({place}) is {document['state']}: {meaning}"
