"""``pushgate relay``: keeps any client's pushes on disk, and sends them with the current token."""

import argparse
import logging
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from cli.command import Subparsers, add_command
from cli.commands.outbox_room import add_outbox_bytes
from cli.errors import CommandFailed
from cli.installation import installation_of
from cli.push.address import gate_of
from pushgate_client import PushgateError
from services.relay.access import is_this_machine
from services.relay.app import RelaySettings, run_relay
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.runtime.logs import configure_logs

LISTEN = "127.0.0.1:8803"
SECRET_CHARACTERS_MIN = 16


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "relay",
        relay,
        summary="take pushes of any client, keep them on disk, send them with the current token",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=LISTEN,
        help=f"default: {LISTEN}; port 0: a free one",
    )
    parser.add_argument(
        "--outbox",
        metavar="DIR",
        type=Path,
        required=True,
        help="where pushes wait; made if need be",
    )
    parser.add_argument(
        "--token-file",
        metavar="F",
        type=Path,
        required=True,
        help="its first line is the access token; read again whenever it changes",
    )
    parser.add_argument(
        "--url",
        metavar="U",
        help="the gate; default: PUSHGATE_IMPORT_URL, else of the data directory",
    )
    add_outbox_bytes(parser)
    parser.add_argument(
        "--secret-file",
        metavar="F",
        type=Path,
        help="its first line is what clients must send as their token; needed where others than"
        " this machine can reach the address",
    )


def relay(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    configure_logs("relay", level=logging.INFO)
    try:
        uvloop.run(run_relay(settings, clock=SystemClock()))
    except (PushgateError, OSError) as reason:
        raise CommandFailed(str(reason)) from reason


def _settings(arguments: argparse.Namespace) -> RelaySettings:
    host, port = _address(arguments.listen)
    secret = _secret(arguments.secret_file) if arguments.secret_file else None
    if secret is None and not is_this_machine(host):
        raise CommandFailed(
            f"Anybody who reaches {arguments.listen} could push with your token: listen on"
            " 127.0.0.1, or name a --secret-file whose text clients send as their token."
        )
    return RelaySettings(
        host=host,
        port=port,
        url=gate_of(installation_of(arguments), arguments.url),
        directory=arguments.outbox,
        token_file=arguments.token_file,
        bytes_max=arguments.outbox_bytes,
        secret=secret,
    )


def _address(listen: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise CommandFailed(f"--listen must be HOST:PORT, such as {LISTEN}, got {listen!r}.")
    return host, port


def _secret(path: Path) -> Secret:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"The secret file can't be read: {error}.") from error
    if len(text) < SECRET_CHARACTERS_MIN:
        raise CommandFailed(
            f"{path} must hold at least {SECRET_CHARACTERS_MIN} characters on its first line."
        )
    return Secret(text)
