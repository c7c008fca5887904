"""Accounts: open one, with its first Connect token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncpg import Pool, Record

from events.ids import AccountId, ConnectTokenId
from events.log import AnyConnection
from events.sql_files import load_queries
from events.types import AccountFact
from services.tokens.domain.commands import OpenAccount
from services.tokens.domain.display_text import is_displayable
from services.tokens.limits import ACCOUNT_NAME_CHARACTERS_MAX
from services.tokens.refusals import AccountNameUnusable
from services.tokens.use_cases.connect_tokens import generate_command, generated_connect_token
from services.tokens.use_cases.new_tokens import new_token
from services.tokens.use_cases.stream_commands import CommandExecutor, account_command


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedAccount:
    account_id: AccountId
    name: str
    connect_token_id: ConnectTokenId
    access_token: str = field(repr=False)


class Accounts:
    def __init__(self, pool: Pool[Record], executor: CommandExecutor) -> None:
        self._pool = pool
        self._executor = executor
        self._queries = load_queries("services.tokens")

    async def open(self, name: str, *, actor: str = "system") -> OpenedAccount:
        """With its first Connect token, an owner's. For the installation's operator.

        Raises AccountNameUnusable.
        """
        if not is_displayable(name, characters_max=ACCOUNT_NAME_CHARACTERS_MAX):
            raise AccountNameUnusable
        account_id = AccountId(await self._pool.fetchval(self._queries["next_account_id"]))
        token = new_token("ac_")

        async def insert_name(connection: AnyConnection, _: Sequence[AccountFact]) -> None:
            await connection.execute(self._queries["insert_account_name"], account_id, name)

        facts = await self._executor.execute(
            account_command(
                account_id,
                actor,
                OpenAccount(account_id=account_id),
                generate_command(token, "owner"),
                before_append=insert_name,
            )
        )
        generated = generated_connect_token(facts, token)
        return OpenedAccount(
            account_id=account_id,
            name=name,
            connect_token_id=generated.connect_token_id,
            access_token=generated.access_token,
        )
