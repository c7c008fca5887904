"""``run.json``: what runs where, for commands on this machine (design section 7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.launcher.child_registry import record_child
from services.launcher.data_directory import DataDirectory
from services.launcher.databases import Databases
from services.launcher.sockets import Listening
from services.runtime.private_files import read_private_json, write_private_json

KEPT_BETWEEN_STARTS = {"client_id", "connect_token"}


@dataclass(frozen=True, kw_only=True)
class AccountCredentials:
    client_id: int
    connect_token: str = field(repr=False)


class RunFile:
    """Rewritten atomically whenever a child gets another process number."""

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory
        before = read_private_json(directory.run_file)
        self._content: dict[str, Any] = {
            key: before[key] for key in KEPT_BETWEEN_STARTS if key in before
        }

    @property
    def account(self) -> AccountCredentials | None:
        if self._content.keys() >= KEPT_BETWEEN_STARTS:
            return AccountCredentials(**{key: self._content[key] for key in KEPT_BETWEEN_STARTS})
        return None

    def keep_account(self, account: AccountCredentials) -> None:
        """Written immediately: the token is stored nowhere else."""
        self._content |= {"client_id": account.client_id, "connect_token": account.connect_token}
        self._write()

    def set_addresses(self, listening: Mapping[str, Listening]) -> None:
        for program, sockets in listening.items():
            if program == "signer":  # no one calls it: only its process number is recorded
                continue
            urls = {} if sockets.url is None else {"url": sockets.url}
            self._content[program] = urls | {"ops_url": sockets.operations_url}

    def set_databases(self, databases: Databases) -> None:
        self._content["database_url"] = databases.url("pushgate_owner").reveal()
        self._content["destination_url"] = databases.destination.reveal()

    def record_pid(self, program: str, pid: int) -> None:
        self._content.setdefault(program, {})["pid"] = pid
        record_child(self._directory, program, pid)
        # PostgreSQL starts first: until the databases are known, the last run's file stays.
        if "database_url" in self._content:
            self._write()

    def _write(self) -> None:
        write_private_json(self._directory.run_file, self._content)
