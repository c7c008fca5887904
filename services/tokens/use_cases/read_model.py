"""The read model: current accounts, integrations and tokens, read from the projections."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from asyncpg import Pool, Record

from events.ids import AccountId, ConnectTokenId, IntegrationId, TokenId
from events.sql_files import load_queries
from events.types import Role
from protocol.token_text import TokenShape, recognise_token, token_hash
from services.tokens.domain.integrations import IntegrationState
from services.tokens.domain.permissions import Caller, Right, require
from services.tokens.refusals import IntegrationNotFound, TokenNotFound


class AccountEntry(NamedTuple):
    account_id: AccountId
    name: str
    opened_at: datetime


class IntegrationEntry(NamedTuple):
    integration_id: IntegrationId
    account_id: AccountId
    display_name: str
    schema_name: str
    state: IntegrationState
    paused_at: str | None  # the caller's own text
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class TokenEntry(NamedTuple):
    token_id: TokenId
    last_four: str
    generated_at: datetime


class ConnectTokenEntry(NamedTuple):
    connect_token_id: ConnectTokenId
    role: Role
    last_four: str
    generated_at: datetime


class KnownToken(NamedTuple):
    """``active``: not revoked. Its integration may still be paused or deleted."""

    token_id: TokenId
    integration_id: IntegrationId
    active: bool


class ReadModel:
    def __init__(self, pool: Pool[Record]) -> None:
        self._pool = pool
        self._queries = load_queries("services.tokens")

    async def authenticate(self, unverified: str) -> Caller | None:
        """The caller of a Connect token; None when the token is malformed, unknown or revoked."""
        if recognise_token(unverified, "ac_") is not TokenShape.WELL_FORMED:
            return None
        row = await self._pool.fetchrow(
            self._queries["connect_token_by_hash"], token_hash(unverified)
        )
        if row is None:
            return None
        return Caller(
            account_id=row["account_id"],
            role=row["role"],
            actor=f"connect-token/{row['connect_token_id']}",
        )

    async def accounts(self) -> list[AccountEntry]:
        """All accounts of the installation; for its operator only."""
        return [AccountEntry(*row) for row in await self._pool.fetch(self._queries["accounts"])]

    async def connect_tokens(self, caller: Caller) -> list[ConnectTokenEntry]:
        """Active ones, newest first."""
        require(caller, Right.READ)
        query = self._queries["connect_tokens_of_account"]
        return [ConnectTokenEntry(*row) for row in await self._pool.fetch(query, caller.account_id)]

    async def integrations(self, caller: Caller) -> list[IntegrationEntry]:
        """All integrations of the account, paused and deleted ones too, oldest first."""
        require(caller, Right.READ)
        query = self._queries["integrations_of_account"]
        return [IntegrationEntry(*row) for row in await self._pool.fetch(query, caller.account_id)]

    async def integration(self, caller: Caller, integration_id: IntegrationId) -> IntegrationEntry:
        """Deleted ones too. Raises IntegrationNotFound."""
        require(caller, Right.READ)
        row = await self._pool.fetchrow(
            self._queries["integration_of_account"], caller.account_id, integration_id
        )
        if row is None:
            raise IntegrationNotFound
        return IntegrationEntry(*row)

    async def active_tokens(
        self, caller: Caller, integration_id: IntegrationId
    ) -> list[TokenEntry]:
        """Newest first. Raises IntegrationNotFound."""
        await self.integration(caller, integration_id)
        query = self._queries["active_tokens_of_integration"]
        return [TokenEntry(*row) for row in await self._pool.fetch(query, integration_id)]

    async def integration_of_token(self, caller: Caller, token_id: TokenId) -> IntegrationId:
        """The integration of an active token in the caller's account. Raises TokenNotFound."""
        require(caller, Right.READ)
        found = await self._pool.fetchval(
            self._queries["integration_of_token"], caller.account_id, token_id
        )
        if found is None:
            raise TokenNotFound
        return IntegrationId(found)

    async def known_token(self, access_token_hash: bytes) -> KnownToken | None:
        """In any account: knowing a token's text is enough to see its state."""
        row = await self._pool.fetchrow(self._queries["token_by_hash"], access_token_hash)
        return None if row is None else KnownToken(*row)
