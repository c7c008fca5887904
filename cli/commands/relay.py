"""``pushgate relay``: accept pushes from any client, keep them on disk and forward them."""

import argparse
import logging
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from cli.command import Subparsers, add_command
from cli.errors import CommandFailed
from cli.installation import installation_of
from cli.push.options import add_outbox_bytes, gate_url
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
        summary="Accept pushes from any client, keep them on disk, and forward them.",
        details="They are forwarded to the gate with the current access token.",
        example="pushgate relay --outbox ./outbox --token-file token.txt",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=LISTEN,
        help=f"The address to listen on (default: {LISTEN}). Port 0 chooses a free port.",
    )
    parser.add_argument(
        "--outbox",
        metavar="DIRECTORY",
        type=Path,
        required=True,
        help="The directory in which pushes wait. It is created if it does not exist.",
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        required=True,
        help="The file with the access token on its first line. It is read again when it changes.",
    )
    parser.add_argument(
        "--url",
        metavar="URL",
        help="The gate's address (default: PUSHGATE_IMPORT_URL, else that of the data directory).",
    )
    add_outbox_bytes(parser)
    parser.add_argument(
        "--secret-file",
        metavar="FILE",
        type=Path,
        help="The file with a secret on its first line, which clients must send as their token."
        " Required if other machines can reach the address.",
    )


def relay(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    configure_logs("relay", level=logging.INFO)
    try:
        uvloop.run(
            run_relay(
                settings,
                clock=SystemClock(),
                on_ready=lambda url: print(
                    f"ready relay={url} outbox={settings.directory}", flush=True
                ),
            )
        )
    except (PushgateError, OSError) as reason:
        raise CommandFailed(str(reason)) from reason


def _settings(arguments: argparse.Namespace) -> RelaySettings:
    host, port = _address(arguments.listen)
    secret = _secret(arguments.secret_file) if arguments.secret_file else None
    if secret is None and not is_this_machine(host):
        raise CommandFailed(
            f"Everyone who can reach {arguments.listen} could push with your token. Listen on"
            " 127.0.0.1, or name a --secret-file with a secret that clients send as their token."
        )
    return RelaySettings(
        host=host,
        port=port,
        url=gate_url(installation_of(arguments), arguments.url),
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
