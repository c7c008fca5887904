"""Ingest's copy of the active tokens follows every change, and never is the last word."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from asyncpg import Connection, Record

from protocol.refusals.edge import RevokedTokenUsed, ServiceUnavailable, TokenUnknown
from protocol.token_text import token_hash, token_text
from services.ingest.admission import UNKNOWN_OWNER, TokenOwner
from services.ingest.token_cache import mirror as mirroring
from services.ingest.token_cache.cache import TokenCache
from services.ingest.token_cache.lookup import TokenLookup
from services.ingest.token_cache.mirror import TokenMirror
from services.runtime.database import connect, pool
from services.runtime.lifecycle import Lifecycle, background
from services.tokens.domain.commands import PauseIntegration
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually
from tests.ingest.cable import Cable

PAUSE = PauseIntegration(paused_at="2026-11-23T12:00:00Z")


@contextlib.asynccontextmanager
async def running_mirror(url: str, cache: TokenCache) -> AsyncGenerator[TokenMirror]:
    mirror = TokenMirror(lambda: connect(url, application_name="test mirror"), cache)
    async with background(Lifecycle(), "mirror", mirror.run, stop_seconds=5):
        await eventually(lambda: _is_set(mirror))
        yield mirror


async def _is_set(mirror: TokenMirror) -> bool:
    return mirror.in_sync.is_set()


def state_of(cache: TokenCache, hashed: bytes) -> Callable[[], Awaitable[str | None]]:
    async def state() -> str | None:
        token = cache.get(hashed)
        return None if token is None else token.state

    return state


def becomes(cache: TokenCache, hashed: bytes, state: str | None) -> Callable[[], Awaitable[bool]]:
    async def so() -> bool:
        return await state_of(cache, hashed)() == state

    return so


@pytest.fixture
async def cache(shared_url: RoleUrl) -> AsyncGenerator[TokenCache]:
    cache = TokenCache()
    async with running_mirror(shared_url("pushgate_ingest"), cache):
        yield cache


@pytest.fixture
async def lookup(shared_url: RoleUrl, cache: TokenCache) -> AsyncGenerator[TokenLookup]:
    async with pool(
        shared_url("pushgate_ingest"), application_name="test", connections_max=1
    ) as connections:
        yield TokenLookup(connections, cache)


def hash_of(integration: CreatedIntegration) -> bytes:
    assert integration.token is not None
    return token_hash(integration.token.access_token)


async def test_each_change_is_heard(
    cache: TokenCache, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    """The integration is younger than the mirror's first reading."""
    number, hashed = integration.integration_id, hash_of(integration)
    assert integration.token is not None
    await eventually(becomes(cache, hashed, "active"))
    await use_cases.integrations.change(caller, number, [PAUSE])
    await eventually(becomes(cache, hashed, "paused"))
    await use_cases.integrations.revoke_token(caller, number, integration.token.token_id)
    await eventually(becomes(cache, hashed, None))


async def test_what_changed_while_the_connection_was_lost_is_read_when_it_is_back(
    shared_url: RoleUrl, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    cache, hashed = TokenCache(), hash_of(integration)
    async with (
        Cable(shared_url("pushgate_ingest")).laid() as cable,
        running_mirror(cable.url, cache) as mirror,
    ):
        cable.cut()

        async def lost() -> bool:
            return not mirror.in_sync.is_set()

        await eventually(lost)
        await use_cases.integrations.change(caller, integration.integration_id, [PAUSE])
        assert await state_of(cache, hashed)() == "active"
        cable.repair()

        await eventually(becomes(cache, hashed, "paused"))


async def test_a_notification_that_names_no_integration_is_no_harm(
    cache: TokenCache,
    owner: Connection[Record],
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    for text in ("", "x", "-1", "99999999999999999999", "½"):
        await owner.execute("SELECT pg_notify('tokens', $1)", text)
    await use_cases.integrations.change(caller, integration.integration_id, [PAUSE])

    await eventually(becomes(cache, hash_of(integration), "paused"))


async def test_a_table_of_many_pages_is_read_whole(
    shared_url: RoleUrl, integration: CreatedIntegration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "PAGE_ROWS", 1)
    cache = TokenCache()
    async with running_mirror(shared_url("pushgate_ingest"), cache):
        assert cache.complete
        assert await state_of(cache, hash_of(integration))() == "active"


async def test_a_table_that_does_not_fit_is_not_taken_for_whole(
    shared_url: RoleUrl, integration: CreatedIntegration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "PAGE_ROWS", 1)
    monkeypatch.setattr(mirroring, "TOKENS_MAX", 1)
    cache = TokenCache()
    async with running_mirror(shared_url("pushgate_ingest"), cache):
        assert not cache.complete
        # The newest is there.
        assert await state_of(cache, hash_of(integration))() == "active"


async def test_that_a_token_is_unknown_is_asked_once(
    lookup: TokenLookup, cache: TokenCache
) -> None:
    unknown = token_hash(token_text("at_", 7))
    with pytest.raises(TokenUnknown):
        await lookup.find(unknown)
    await lookup._pool.close()

    with pytest.raises(TokenUnknown):
        await lookup.find(unknown)
    with pytest.raises(ServiceUnavailable):
        await lookup.find(token_hash(token_text("at_", 8)))
    assert lookup.owner_of(unknown) == UNKNOWN_OWNER
    assert cache.negative_entry(unknown) is not None


async def test_a_revoked_token_still_says_whose_it_was(
    lookup: TokenLookup, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    assert integration.token is not None
    number, token_id = integration.integration_id, integration.token.token_id
    await use_cases.integrations.revoke_token(caller, number, token_id)

    async def revoked() -> bool:
        # Until the notification arrives, no negative entry is made for what it may change.
        with pytest.raises(RevokedTokenUsed):
            await lookup.find(hash_of(integration))
        return lookup.owner_of(hash_of(integration)) == TokenOwner(number, token_id)

    assert await eventually(revoked)


async def test_a_token_generated_while_nobody_listens_works_at_once(
    shared_url: RoleUrl, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    async with pool(
        shared_url("pushgate_ingest"), application_name="test", connections_max=1
    ) as connections:
        lookup = TokenLookup(connections, TokenCache())
        second = await use_cases.integrations.generate_token(caller, integration.integration_id)

        found = await lookup.find(token_hash(second.access_token))

    assert (found.token_id, found.state) == (second.token_id, "active")
