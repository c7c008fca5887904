"""Somebody to begin with: an account, an owner's Connect token, and a link to sign in with."""

from services.launcher.databases import Databases
from services.launcher.run_file import AccountCredentials
from services.runtime.clock import SystemClock
from services.runtime.database import pool
from services.tokens.domain.permissions import system_caller
from services.tokens.use_cases.use_cases import UseCases

NAME = "First account"


class FirstAccount:
    """What `up` makes sure of before its programs start; ``sign_in_path`` is there afterwards."""

    def __init__(self) -> None:
        self.sign_in_path: str | None = None

    async def ensure(
        self, databases: Databases, kept: AccountCredentials | None
    ) -> AccountCredentials | None:
        account = await ensure_account(databases, kept)
        self.sign_in_path = await first_sign_in_path(databases)
        return account


async def ensure_account(
    databases: Databases, kept: AccountCredentials | None
) -> AccountCredentials | None:
    """None when ``kept`` is to be kept.

    A kept token that was revoked stays: somebody wanted it so. One that got lost with its file is
    replaced, and one of another log is followed by this log's first account.
    """
    url = databases.url("pushgate_tokens")
    async with pool(url, application_name="pushgate up", connections_max=1) as connections:
        use_cases = UseCases(connections, SystemClock())
        accounts = await use_cases.read_model.accounts()
        if not accounts:
            return await _open_account(use_cases)
        if kept is not None:
            return None
        oldest = system_caller(min(account.account_id for account in accounts))
        generated = await use_cases.connect_tokens.generate(oldest, "owner")
        return AccountCredentials(client_id=oldest.account_id, connect_token=generated.access_token)


async def open_account_if_empty(databases: Databases) -> AccountCredentials | None:
    """None when the log already has an account: its token was shown when it was opened."""
    url = databases.url("pushgate_tokens")
    async with pool(url, application_name="pushgate migrate", connections_max=1) as connections:
        use_cases = UseCases(connections, SystemClock())
        return None if await use_cases.read_model.accounts() else await _open_account(use_cases)


async def first_sign_in_path(databases: Databases) -> str | None:
    """The path of a one-time link for the first owner; None when the account has people already.

    Also for an account from before there were people. A link that got lost is made anew with
    `pushgate members link`.
    """
    url = databases.url("pushgate_tokens")
    async with pool(url, application_name="pushgate members", connections_max=1) as connections:
        use_cases = UseCases(connections, SystemClock())
        accounts = await use_cases.read_model.accounts()
        if not accounts:
            return None
        oldest = system_caller(min(account.account_id for account in accounts))
        if await use_cases.members.list_members(oldest):
            return None
        return (await use_cases.members.invite(oldest, None, "owner")).path


async def _open_account(use_cases: UseCases) -> AccountCredentials:
    opened = await use_cases.accounts.open(NAME)
    return AccountCredentials(client_id=opened.account_id, connect_token=opened.access_token)
