"""Which installation a command talks to: settings, else ``run.json`` of its data directory."""

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
    """Addresses and credentials, each looked up when asked for: a command needs only what it uses.

    Every method raises CommandFailed, with the variable to set, when there is no value.
    """

    data_dir: Path
    environ: Mapping[str, str]
    run_file: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def connect_url(self) -> str:
        return self._url("PUSHGATE_URL", "tokens")

    def pages_url(self) -> str:
        """Where people reach the token service, which may differ from its address in a network."""
        return self._url("PUSHGATE_PAGES_URL", "tokens", instead=self.environ.get("PUSHGATE_URL"))

    def import_url(self) -> str:
        return self._url("PUSHGATE_IMPORT_URL", "ingest")

    def history_url(self) -> str:
        return self._url("PUSHGATE_HISTORY_URL", "history")

    def connect_token(self) -> Secret:
        """The token in ``run.json`` is only sent to the address recorded there."""
        return self._setting_of_connect_api("PUSHGATE_CONNECT_TOKEN", "connect_token")

    def history_token(self) -> Secret:
        """As ``connect_token``, for the history service."""
        url = self.environ.get("PUSHGATE_HISTORY_URL", "").rstrip("/")
        if not url or url == self._recorded_url("history"):
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
        """For data shown next to the Connect API's: never the database of another installation."""
        return self._setting_of_connect_api("PUSHGATE_DATABASE_URL", "database_url")

    def destination_url_of_connect_api(self) -> Secret:
        """As ``database_url_of_connect_api``."""
        return self._setting_of_connect_api("PUSHGATE_DESTINATION_URL", "destination_url")

    def import_token(self) -> Secret | None:
        text = self.environ.get("PUSHGATE_TOKEN", "")
        return Secret(text) if text else None

    def _setting_of_connect_api(self, variable: str, key: str) -> Secret:
        """``run.json`` counts only while PUSHGATE_URL does not name another installation."""
        url = self.environ.get("PUSHGATE_URL", "").rstrip("/")
        elsewhere = bool(url) and url != self._recorded_url("tokens")
        return Secret(self._setting(variable, "" if elsewhere else key))

    def _url(self, variable: str, program: str, *, instead: str | None = None) -> str:
        url = self.environ.get(variable) or instead or self._recorded_url(program)
        if not url:
            raise self._missing(variable)
        if not url.startswith(("http://", "https://")):
            raise CommandFailed(f"{variable} must begin with http:// or https://, got {url!r}.")
        return url.rstrip("/")

    def _recorded_url(self, program: str) -> str:
        return str(self.run_file.get(program, {}).get("url") or "").rstrip("/")

    def _setting(self, variable: str, key: str) -> str:
        text = self.environ.get(variable, "") or str(self.run_file.get(key) or "")
        if not text:
            raise self._missing(variable)
        return text

    def _missing(self, variable: str) -> CommandFailed:
        return CommandFailed(
            f"{variable} is not set, and {self.data_dir / RUN_FILE} has no value for it. Start"
            " `pushgate up`, name its directory with --data-dir, or set the variable."
        )


def find_installation(data_dir: str | None, environ: Mapping[str, str]) -> Installation:
    """``data_dir``: the value of ``--data-dir``, if given."""
    directory = Path(data_dir or environ.get(DATA_DIR_VARIABLE) or DATA_DIR_DEFAULT)
    try:
        run_file = read_private_json(directory / RUN_FILE)
    except (OSError, TypeError, ValueError) as error:
        raise CommandFailed(f"{directory / RUN_FILE} cannot be read: {error}.") from error
    return Installation(data_dir=directory, environ=environ, run_file=run_file)


def installation_of(arguments: argparse.Namespace) -> Installation:
    return find_installation(arguments.data_dir, os.environ)
