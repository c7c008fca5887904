"""The first account of an installation: its owner's Connect token and a first sign-in link."""

from services.launcher.databases import Databases
from services.launcher.run_file import AccountCredentials
from services.runtime.clock import SystemClock
from services.runtime.database import pool
from services.tokens.domain.permissions import system_caller
from services.tokens.use_cases.use_cases import UseCases

NAME = "First account"


class FirstAccount:
    """Before `up` starts its programs: ``ensure`` the account, then read ``sign_in_path``."""

    def __init__(self) -> None:
        self.sign_in_path: str | None = None

    async def ensure(
        self, databases: Databases, previous: AccountCredentials | None
    ) -> AccountCredentials | None:
        account = await ensure_account(databases, previous)
        self.sign_in_path = await first_sign_in_path(databases)
        return account


async def ensure_account(
    databases: Databases, previous: AccountCredentials | None
) -> AccountCredentials | None:
    """Returns new credentials, or None when those of the last start remain in use.

    A revoked token is not replaced: it was revoked on purpose. A token that was lost with its file
    is replaced. An empty log gets its first account, whatever credentials the file holds.
    """
    url = databases.url("pushgate_tokens")
    async with pool(url, application_name="pushgate up", connections_max=1) as connections:
        use_cases = UseCases(connections, SystemClock())
        accounts = await use_cases.read_model.accounts()
        if not accounts:
            return await _open_account(use_cases)
        if previous is not None:
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
    """The path of a one-time link for the first owner; None when the account already has members.

    An account from before there were members gets a link too. `pushgate members link` replaces a
    lost one.
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
