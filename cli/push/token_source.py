"""Where the token of a push comes from: a file, else PUSHGATE_TOKEN. Never the command line."""

import argparse
from pathlib import Path

from cli.errors import CommandFailed
from cli.installation import Installation
from pushgate_client import FixedToken, TokenFile
from pushgate_client.tokens import TokenSource
from services.runtime.config import Secret

TOKEN_FILE_BYTES_MAX = 4_096


def add_token_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--token-file", metavar="P", help="a file with the token on its first line")


def token_of(target: Installation, token_file: str | None) -> Secret:
    """As it is now; raises CommandFailed where there is none."""
    if token_file is not None:
        try:
            with Path(token_file).open(encoding="utf-8-sig") as file:
                text = file.readline(TOKEN_FILE_BYTES_MAX).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailed(f"The token file can't be read: {error}.") from error
        if not text:
            raise CommandFailed(f"{token_file} holds no token on its first line.")
        return Secret(text)
    token = target.import_token()
    if token is None:
        raise CommandFailed(
            "No token to push with: set PUSHGATE_TOKEN, or name a file with --token-file"
            " (`pushgate tokens generate I` makes one)."
        )
    return token


def token_source_of(arguments: argparse.Namespace, target: Installation) -> TokenSource:
    """A file is read again when it changes. Raises CommandFailed where there is no token yet."""
    token = token_of(target, arguments.token_file)
    if arguments.token_file:
        return TokenFile(arguments.token_file)
    try:
        return FixedToken(token.reveal())
    except ValueError as error:
        raise CommandFailed(f"PUSHGATE_TOKEN: {error}") from None
