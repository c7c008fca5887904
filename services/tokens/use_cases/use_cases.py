"""Everything that can be done to accounts, integrations, tokens and members, in one place.

Shared by the Connect API, the web pages and the commands of the operator.
"""

from __future__ import annotations

from asyncpg import Pool, Record

from services.runtime.clock import Clock
from services.tokens.limits import RetryPolicy
from services.tokens.use_cases.accounts import Accounts
from services.tokens.use_cases.connect_tokens import ConnectTokens
from services.tokens.use_cases.integrations import Integrations
from services.tokens.use_cases.members import Members
from services.tokens.use_cases.read_model import ReadModel
from services.tokens.use_cases.stream_commands import CommandExecutor


class UseCases:
    """One for a process."""

    def __init__(
        self, pool: Pool[Record], clock: Clock, *, retry_policy: RetryPolicy | None = None
    ) -> None:
        executor = CommandExecutor(pool, clock, retry_policy or RetryPolicy())
        self.read_model = ReadModel(pool)
        self.accounts = Accounts(pool, executor)
        self.connect_tokens = ConnectTokens(executor)
        self.integrations = Integrations(pool, executor, self.read_model)
        self.members = Members(pool, clock, executor)
