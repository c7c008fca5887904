"""Accounts and Connect tokens, through the handlers: the Connect API has no endpoint for them."""

from __future__ import annotations

import pytest
from asyncpg import Pool, Record

from events import log
from events.ids import AccountId, ConnectTokenId
from events.types import AccountOpened, ConnectTokenGenerated, Role
from services.tokens.refusals import (
    AccountNameUnusable,
    AccountNotFound,
    ConnectTokenNotFound,
    RoleForbids,
)
from services.tokens.use_cases.handlers import Handlers, OpenedAccount
from services.tokens.use_cases.permissions import Caller, system_caller


async def test_an_opened_account_has_an_owners_token(handlers: Handlers) -> None:
    opened = await handlers.open_account("Acme")

    found = await handlers.read_model.authenticate(opened.access_token)

    assert found == Caller(
        account_id=opened.account_id,
        role="owner",
        actor=f"connect-token/{opened.connect_token_id}",
    )


async def test_opening_is_two_facts_by_the_system(
    handlers: Handlers, connections: Pool[Record]
) -> None:
    opened = await handlers.open_account("Acme")

    async with connections.acquire() as connection:
        recorded = await log.read_stream(connection, f"account/{opened.account_id}")
    assert [type(one.fact) for one in recorded] == [AccountOpened, ConnectTokenGenerated]
    assert {one.actor for one in recorded} == {"system"}


async def test_a_name_stands_beside_the_log_and_not_in_it(
    handlers: Handlers, connections: Pool[Record]
) -> None:
    """Names of people are erasable, the log is not."""
    await handlers.open_account("Jane Doe")

    accounts = await handlers.read_model.accounts()

    assert [account.name for account in accounts] == ["Jane Doe"]
    assert "Jane" not in await connections.fetchval(
        "SELECT string_agg(record::text, '') FROM ledger.event"
    )


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
async def test_a_name_that_cannot_be_shown_opens_nothing(name: str, handlers: Handlers) -> None:
    with pytest.raises(AccountNameUnusable):
        await handlers.open_account(name)

    assert await handlers.read_model.accounts() == []


@pytest.mark.parametrize("role", ["owner", "member", "auditor"])
async def test_a_connect_token_has_the_role_it_was_given(
    role: Role, handlers: Handlers, caller: Caller
) -> None:
    token = await handlers.generate_connect_token(caller, role)

    found = await handlers.read_model.authenticate(token.access_token)

    assert found is not None
    assert (found.role, found.account_id) == (role, caller.account_id)


async def test_connect_tokens_are_listed_newest_first(handlers: Handlers, caller: Caller) -> None:
    token = await handlers.generate_connect_token(caller, "auditor")

    listed = await handlers.read_model.connect_tokens(caller)

    assert [entry.role for entry in listed] == ["auditor", "owner"]
    assert listed[0].last_four == token.access_token[-4:]


async def test_a_revoked_connect_token_is_nobodys(handlers: Handlers, caller: Caller) -> None:
    token = await handlers.generate_connect_token(caller, "member")
    await handlers.revoke_connect_token(caller, token.connect_token_id)

    assert await handlers.read_model.authenticate(token.access_token) is None
    with pytest.raises(ConnectTokenNotFound):
        await handlers.revoke_connect_token(caller, token.connect_token_id)


async def test_another_accounts_connect_token_cannot_be_revoked(
    handlers: Handlers, account: OpenedAccount, stranger: OpenedAccount
) -> None:
    with pytest.raises(ConnectTokenNotFound):
        await handlers.revoke_connect_token(
            system_caller(stranger.account_id), account.connect_token_id
        )

    assert await handlers.read_model.authenticate(account.access_token) is not None


@pytest.mark.parametrize("role", ["member", "auditor"])
async def test_only_an_owner_manages_connect_tokens(
    role: Role, handlers: Handlers, caller: Caller, account: OpenedAccount
) -> None:
    weaker = Caller(account_id=caller.account_id, role=role, actor="connect-token/99")

    with pytest.raises(RoleForbids):
        await handlers.generate_connect_token(weaker, "owner")
    with pytest.raises(RoleForbids):
        await handlers.revoke_connect_token(weaker, account.connect_token_id)


async def test_an_account_that_never_was_gets_nothing(handlers: Handlers) -> None:
    nobody = system_caller(AccountId(999_999))

    with pytest.raises(AccountNotFound):
        await handlers.generate_connect_token(nobody, "owner")
    with pytest.raises(AccountNotFound):
        await handlers.revoke_connect_token(nobody, ConnectTokenId(1))
    with pytest.raises(AccountNotFound):
        await handlers.create_integration(nobody, "Import API")


async def test_what_holds_a_token_does_not_print_it(handlers: Handlers, caller: Caller) -> None:
    created = await handlers.create_integration(caller, "Import API", with_token=True)
    opened = await handlers.open_account("Other")
    generated = await handlers.generate_connect_token(caller, "owner")

    printed = f"{created!r} {opened!r} {generated!r}"

    assert created.token is not None
    texts = [created.token.access_token, opened.access_token, generated.access_token]
    assert not any(text in printed for text in texts)
