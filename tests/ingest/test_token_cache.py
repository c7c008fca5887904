"""The token cache may be out of date, and no response ever shows it."""

from __future__ import annotations

import asyncio

from protocol.token_text import token_hash
from services.ingest.admission import UNKNOWN_OWNER
from services.ingest.token_cache.cache import (
    NEGATIVE_ENTRIES_MAX,
    TOKENS_MAX,
    NegativeEntry,
    TokenCache,
)
from services.journal.candidates import TokenRow
from services.tokens.domain.commands import PauseIntegration, ResumeIntegration
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.ingest.gate import NOT_ACTIVE, NOT_AUTHORIZED, OK, ImportClient
from tests.ingest.journal import Journal

PAUSE = PauseIntegration(paused_at="2026-11-23T12:00:00Z")
LARGE = {"id": 1, "text": "x" * 100_000}


async def test_a_token_works_as_soon_as_it_was_generated(
    gate: ImportClient, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    second = await use_cases.integrations.generate_token(caller, integration.integration_id)

    assert (await gate.push(gate.record(), token=second.access_token)).brief == OK


async def test_every_change_is_believed_at_once(
    gate: ImportClient,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
    journal: Journal,
) -> None:
    for data in ({"id": 1}, LARGE):
        assert (await gate.push(gate.record(data=data))).brief == OK
        await use_cases.integrations.change(caller, integration.integration_id, [PAUSE])
        assert (await gate.push(gate.record(data=data))).brief == NOT_ACTIVE
        await use_cases.integrations.change(
            caller, integration.integration_id, [ResumeIntegration()]
        )
        assert (await gate.push(gate.record(data=data))).brief == OK

    assert await journal.count() == 4


async def test_a_revoked_token_that_was_believed_in_is_refused(
    gate: ImportClient,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
    journal: Journal,
) -> None:
    assert integration.token is not None
    await gate.push(gate.record())
    await use_cases.integrations.revoke_token(
        caller, integration.integration_id, integration.token.token_id
    )
    answers = await asyncio.gather(
        gate.push(gate.record()), gate.push(gate.record(data=LARGE)), gate.push()
    )

    assert [answer.brief for answer in answers] == [NOT_AUTHORIZED] * 3
    assert await journal.count() == 1


async def test_one_that_changed_does_not_hold_up_its_neighbours(
    gate: ImportClient, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    other = await use_cases.integrations.create(caller, "A neighbour", with_token=True)
    assert other.token is not None
    token = other.token.access_token
    await asyncio.gather(gate.push(gate.record()), gate.push(gate.record(), token=token))
    await use_cases.integrations.change(caller, integration.integration_id, [PAUSE])
    answers = await asyncio.gather(gate.push(gate.record()), gate.push(gate.record(), token=token))

    assert [answer.brief for answer in answers] == [NOT_ACTIVE, OK]


HASH = token_hash("at_")


def test_what_was_not_there_is_forgotten_with_every_change() -> None:
    cache = TokenCache()
    cache.listening = True
    cache.put_negative(HASH, NegativeEntry(UNKNOWN_OWNER), generation=cache.generation)
    assert cache.negative_entry(HASH) is not None
    cache.invalidate()

    assert cache.negative_entry(HASH) is None


def test_an_answer_from_before_the_last_change_is_not_remembered() -> None:
    """The store was asked, a token was generated, and only then its answer arrived."""
    cache = TokenCache()
    cache.listening = True
    before = cache.generation
    cache.invalidate()
    cache.put_negative(HASH, NegativeEntry(UNKNOWN_OWNER), generation=before)

    assert cache.negative_entry(HASH) is None


def test_what_is_not_there_is_not_remembered_while_nobody_listens() -> None:
    cache = TokenCache()
    cache.put_negative(HASH, NegativeEntry(UNKNOWN_OWNER), generation=cache.generation)

    assert cache.negative_entry(HASH) is None


def test_what_is_remembered_as_not_there_is_bounded() -> None:
    cache = TokenCache()
    cache.listening = True
    hashes = [token_hash(f"at_{n}") for n in range(NEGATIVE_ENTRIES_MAX + 1)]
    for each in hashes:
        cache.put_negative(each, NegativeEntry(UNKNOWN_OWNER), generation=cache.generation)

    assert [cache.negative_entry(hashes[n]) is None for n in (0, 1, -1)] == [True, False, False]


def test_what_is_believed_is_bounded() -> None:
    cache = TokenCache()
    token = TokenRow(token_id=1, integration_id=1, client_id=1, state="active")
    hashes = [token_hash(f"at_{n}") for n in range(TOKENS_MAX + 10)]
    cache.put((each, token) for each in hashes)

    assert [cache.get(hashes[n]) for n in (0, 9, 10, -1)] == [None, None, token, token]
