"""Accounts and Connect tokens, through the use cases: the Connect API has no endpoint for them."""

from __future__ import annotations

import pytest
from asyncpg import Pool, Record

from events import log
from events.ids import AccountId, ConnectTokenId
from events.types import AccountOpened, ConnectTokenGenerated, Role
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.refusals import (
    AccountNameUnusable,
    AccountNotFound,
    ConnectTokenNotFound,
    RoleForbids,
)
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.use_cases import UseCases


async def test_an_opened_account_has_an_owners_token(use_cases: UseCases) -> None:
    opened = await use_cases.accounts.open("Acme")

    found = await use_cases.read_model.authenticate(opened.access_token)

    assert found == Caller(
        account_id=opened.account_id,
        role="owner",
        actor=f"connect-token/{opened.connect_token_id}",
    )


async def test_opening_is_two_facts_by_the_system(
    use_cases: UseCases, connections: Pool[Record]
) -> None:
    opened = await use_cases.accounts.open("Acme")

    async with connections.acquire() as connection:
        recorded = await log.read_stream(connection, f"account/{opened.account_id}")
    assert [type(one.fact) for one in recorded] == [AccountOpened, ConnectTokenGenerated]
    assert {one.actor for one in recorded} == {"system"}


async def test_a_name_stands_beside_the_log_and_not_in_it(
    use_cases: UseCases, connections: Pool[Record]
) -> None:
    """Names of people are erasable, the log is not."""
    await use_cases.accounts.open("Jane Doe")

    accounts = await use_cases.read_model.accounts()

    assert [account.name for account in accounts] == ["Jane Doe"]
    assert "Jane" not in await connections.fetchval(
        "SELECT string_agg(record::text, '') FROM ledger.event"
    )


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
async def test_a_name_that_cannot_be_shown_opens_nothing(name: str, use_cases: UseCases) -> None:
    with pytest.raises(AccountNameUnusable):
        await use_cases.accounts.open(name)

    assert await use_cases.read_model.accounts() == []


@pytest.mark.parametrize("role", ["owner", "member", "auditor"])
async def test_a_connect_token_has_the_role_it_was_given(
    role: Role, use_cases: UseCases, caller: Caller
) -> None:
    token = await use_cases.connect_tokens.generate(caller, role)

    found = await use_cases.read_model.authenticate(token.access_token)

    assert found is not None
    assert (found.role, found.account_id) == (role, caller.account_id)


async def test_connect_tokens_are_listed_newest_first(use_cases: UseCases, caller: Caller) -> None:
    token = await use_cases.connect_tokens.generate(caller, "auditor")

    listed = await use_cases.read_model.connect_tokens(caller)

    assert [entry.role for entry in listed] == ["auditor", "owner"]
    assert listed[0].last_four == token.access_token[-4:]


async def test_a_revoked_connect_token_is_nobodys(use_cases: UseCases, caller: Caller) -> None:
    token = await use_cases.connect_tokens.generate(caller, "member")
    await use_cases.connect_tokens.revoke(caller, token.connect_token_id)

    assert await use_cases.read_model.authenticate(token.access_token) is None
    with pytest.raises(ConnectTokenNotFound):
        await use_cases.connect_tokens.revoke(caller, token.connect_token_id)


async def test_another_accounts_connect_token_cannot_be_revoked(
    use_cases: UseCases, account: OpenedAccount, stranger: OpenedAccount
) -> None:
    with pytest.raises(ConnectTokenNotFound):
        await use_cases.connect_tokens.revoke(
            system_caller(stranger.account_id), account.connect_token_id
        )

    assert await use_cases.read_model.authenticate(account.access_token) is not None


@pytest.mark.parametrize("role", ["member", "auditor"])
async def test_only_an_owner_manages_connect_tokens(
    role: Role, use_cases: UseCases, caller: Caller, account: OpenedAccount
) -> None:
    weaker = Caller(account_id=caller.account_id, role=role, actor="connect-token/99")

    with pytest.raises(RoleForbids):
        await use_cases.connect_tokens.generate(weaker, "owner")
    with pytest.raises(RoleForbids):
        await use_cases.connect_tokens.revoke(weaker, account.connect_token_id)


async def test_an_account_that_never_was_gets_nothing(use_cases: UseCases) -> None:
    unknown = system_caller(AccountId(999_999))

    with pytest.raises(AccountNotFound):
        await use_cases.connect_tokens.generate(unknown, "owner")
    with pytest.raises(AccountNotFound):
        await use_cases.connect_tokens.revoke(unknown, ConnectTokenId(1))
    with pytest.raises(AccountNotFound):
        await use_cases.integrations.create(unknown, "Import API")


async def test_what_holds_a_token_does_not_print_it(use_cases: UseCases, caller: Caller) -> None:
    created = await use_cases.integrations.create(caller, "Import API", with_token=True)
    opened = await use_cases.accounts.open("Other")
    generated = await use_cases.connect_tokens.generate(caller, "owner")

    printed = f"{created!r} {opened!r} {generated!r}"

    assert created.token is not None
    texts = [created.token.access_token, opened.access_token, generated.access_token]
    assert not any(text in printed for text in texts)
