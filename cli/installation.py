"""Which system a command speaks to: what variables say, else ``run.json`` of the data directory."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.errors import CommandFailed
from services.runtime.config import Secret
from services.runtime.private_files import read_private_json

RUN_FILE = "run.json"
DATA_DIR_VARIABLE = "PUSHGATE_DATA_DIR"
DATA_DIR_DEFAULT = ".pushgate"


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Each question is answered when asked, so that a command needs only what it uses.

    Every method raises CommandFailed with the variable to set when nothing answers.
    """

    data_dir: Path
    environ: Mapping[str, str]
    run_file: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def connect_url(self) -> str:
        return self._url("PUSHGATE_URL", "tokens")

    def pages_url(self) -> str:
        """Where people reach the token service; inside a network it may have another address."""
        return self._url("PUSHGATE_PAGES_URL", "tokens", instead=self.environ.get("PUSHGATE_URL"))

    def import_url(self) -> str:
        return self._url("PUSHGATE_IMPORT_URL", "ingest")

    def history_url(self) -> str:
        return self._url("PUSHGATE_HISTORY_URL", "history")

    def connect_token(self) -> Secret:
        """The kept Connect token goes to no other address than the one it was kept for."""
        return self._setting_of_connect_api("PUSHGATE_CONNECT_TOKEN", "connect_token")

    def history_token(self) -> Secret:
        """As ``connect_token``, for the history service."""
        elsewhere = self.environ.get("PUSHGATE_HISTORY_URL", "").rstrip("/")
        if not elsewhere or elsewhere == self._recorded_url("history"):
            return self.connect_token()
        return Secret(self._setting("PUSHGATE_CONNECT_TOKEN", ""))

    def client_id(self) -> int:
        text = self._setting("PUSHGATE_CLIENT_ID", "client_id")
        if not text.isdecimal():
            raise CommandFailed(f"PUSHGATE_CLIENT_ID must be a number, got {text!r}.")
        return int(text)

    def database_url(self) -> Secret:
        return Secret(self._setting("PUSHGATE_DATABASE_URL", "database_url"))

    def destination_url(self) -> Secret:
        return Secret(self._setting("PUSHGATE_DESTINATION_URL", "destination_url"))

    def database_url_of_connect_api(self) -> Secret:
        """For what is told together with the Connect API's answer: not another system's."""
        return self._setting_of_connect_api("PUSHGATE_DATABASE_URL", "database_url")

    def destination_url_of_connect_api(self) -> Secret:
        """As ``database_url_beside_tokens``."""
        return self._setting_of_connect_api("PUSHGATE_DESTINATION_URL", "destination_url")

    def import_token(self) -> Secret | None:
        text = self.environ.get("PUSHGATE_TOKEN", "")
        return Secret(text) if text else None

    def _setting_of_connect_api(self, variable: str, kept: str) -> Secret:
        elsewhere = self.environ.get("PUSHGATE_URL", "").rstrip("/")
        if elsewhere and elsewhere != self._recorded_url("tokens"):
            kept = ""
        return Secret(self._setting(variable, kept))

    def _url(self, variable: str, program: str, *, instead: str | None = None) -> str:
        url = self.environ.get(variable) or instead or self._recorded_url(program)
        if not url:
            raise self._missing(variable)
        if not url.startswith(("http://", "https://")):
            raise CommandFailed(f"{variable} must begin with http:// or https://, got {url!r}.")
        return url.rstrip("/")

    def _recorded_url(self, program: str) -> str:
        return str(self.run_file.get(program, {}).get("url") or "").rstrip("/")

    def _setting(self, variable: str, kept: str) -> str:
        text = self.environ.get(variable, "") or str(self.run_file.get(kept) or "")
        if not text:
            raise self._missing(variable)
        return text

    def _missing(self, variable: str) -> CommandFailed:
        return CommandFailed(
            f"{variable} is not set and {self.data_dir / RUN_FILE} does not tell it: start"
            " `pushgate up`, name its directory with --data-dir, or set the variable."
        )


def find_installation(data_dir: str | None, environ: Mapping[str, str]) -> Installation:
    """``data_dir`` is what ``--data-dir`` said."""
    directory = Path(data_dir or environ.get(DATA_DIR_VARIABLE) or DATA_DIR_DEFAULT)
    try:
        run = read_private_json(directory / RUN_FILE)
    except (OSError, TypeError, ValueError) as error:
        raise CommandFailed(f"{directory / RUN_FILE} can't be read: {error}.") from error
    return Installation(data_dir=directory, environ=environ, run_file=run)


def installation_of(arguments: argparse.Namespace) -> Installation:
    return find_installation(arguments.data_dir, os.environ)
