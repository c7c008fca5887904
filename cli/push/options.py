"""What push, outbox and relay share: the gate's address, the token, the size of an outbox."""

import argparse

from cli.errors import CommandFailed
from cli.installation import Installation
from pushgate_client import FixedToken, TokenFile, TokenUnreadable
from pushgate_client.address import gate_address
from pushgate_client.limits import OUTBOX_BYTES_MAX
from pushgate_client.tokens import TokenSource

# Enough for a few bodies of the largest size.
OUTBOX_BYTES_MIN = 100_000_000


def add_token_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="Read the access token from the first line of this file (default: PUSHGATE_TOKEN). The"
        " file is read again when it changes.",
    )


def add_outbox_bytes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--outbox-bytes",
        metavar="BYTES",
        type=_outbox_bytes,
        default=OUTBOX_BYTES_MAX,
        help=f"The most that the outbox may hold on disk (default: {OUTBOX_BYTES_MAX:,}).",
    )


def gate_url(installation: Installation, given: str | None = None) -> str:
    """``given``: the value of ``--url``, which overrides the installation's own address."""
    try:
        return gate_address(given or installation.import_url())
    except ValueError as error:
        raise CommandFailed(f"{'--url' if given else 'PUSHGATE_IMPORT_URL'}: {error}") from None


async def token_source(arguments: argparse.Namespace, installation: Installation) -> TokenSource:
    """From ``--token-file`` or PUSHGATE_TOKEN. Raises CommandFailed if there is no token yet."""
    if arguments.token_file is not None:
        source = TokenFile(arguments.token_file)
        try:
            await source.read()
        except TokenUnreadable as error:
            raise CommandFailed(str(error)) from error
        return source
    token = installation.import_token()
    if token is None:
        raise CommandFailed(
            "No access token was given. Set PUSHGATE_TOKEN, or name a file with --token-file;"
            " `pushgate tokens generate INTEGRATION` creates a token."
        )
    try:
        return FixedToken(token.reveal())
    except ValueError as error:
        raise CommandFailed(f"PUSHGATE_TOKEN: {error}") from None


def _outbox_bytes(text: str) -> int:
    if not text.isdecimal() or int(text) < OUTBOX_BYTES_MIN:
        raise argparse.ArgumentTypeError(
            f"must be a number of at least {OUTBOX_BYTES_MIN:,}, got {text!r}"
        )
    return int(text)
