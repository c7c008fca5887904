"""Pushes are committed in groups, and what happens to one of a group is its own affair."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import AsyncGenerator

import pytest
from asyncpg import Connection, Record

from protocol.refusals.edge import NotStorable, ServiceUnavailable, TokenUnknown
from protocol.token_text import token_hash, token_text
from protocol.validation import Validated
from services.ingest.admission import admit
from services.ingest.reporting.access_log import AccessLog
from services.ingest.reporting.commit_reporter import CommitReporter
from services.ingest.reporting.usage_stats import UsageStats
from services.ingest.token_cache.cache import TokenCache
from services.journal.candidates import Candidate
from services.journal.commit.committer import GROUP_REQUESTS_MAX, GroupCommitter
from services.journal.commit.transaction import GroupTransaction
from services.runtime.clock import SystemClock
from services.runtime.database import connect
from services.runtime.lifecycle import Lifecycle, background
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.ingest.gate import NOT_AUTHORIZED, OK, ImportClient
from tests.ingest.journal import Journal


@pytest.fixture
def committer(shared_url: RoleUrl) -> GroupCommitter:
    """Not running yet: what is handed to it first waits together."""
    open_connection = functools.partial(
        connect, shared_url("pushgate_ingest"), application_name="test committer"
    )
    clock = SystemClock()
    return GroupCommitter(
        open_connection,
        GroupTransaction(
            TokenCache(), admit, CommitReporter(AccessLog(clock), UsageStats()), clock=clock
        ),
        outcome_seconds_max=10,
    )


def candidate(
    token: str, *, body: bytes = b"[]", records: int = 1, peer: str | None = None
) -> Candidate:
    return Candidate(
        token_hash=token_hash(token),
        endpoint="push",
        validated=Validated(records, (("customers", records),), None, None, None),
        media_type="application/json",
        body=body,
        body_bytes=max(1, len(body)),
        body_sha256=hashlib.sha256(body).digest(),
        peer=peer,
    )


def text_of(integration: CreatedIntegration) -> str:
    assert integration.token is not None
    return integration.token.access_token


async def settle(committer: GroupCommitter, candidates: list[Candidate]) -> list[object]:
    """Their outcomes, when all of them waited before there was a connection to commit over."""
    pending = [asyncio.ensure_future(committer.commit(each)) for each in candidates]
    async with background(Lifecycle(), "commit", committer.run, stop_seconds=5):
        return list(await asyncio.gather(*pending, return_exceptions=True))


async def test_concurrent_pushes_share_transactions(gate: ImportClient, journal: Journal) -> None:
    pushes = [gate.push(gate.record(sequence=n)) for n in range(100)]
    answers = await asyncio.gather(*pushes)

    # Two groups may be under way at once, so only within one do moments follow numbers.
    groups = await journal.moments_of_groups()
    assert {answer.brief for answer in answers} == {OK}
    assert len(groups) < 50
    assert groups == [sorted(moments) for moments in groups]
    assert len({moment for moments in groups for moment in moments}) == 100


async def test_a_group_is_at_most_256_requests(
    committer: GroupCommitter, integration: CreatedIntegration, journal: Journal
) -> None:
    token = text_of(integration)
    outcomes = await settle(committer, [candidate(token) for _ in range(600)])

    assert outcomes == [None] * 600
    assert max(await journal.group_sizes()) == GROUP_REQUESTS_MAX == 256


async def test_a_group_is_at_most_32_mebibytes(
    committer: GroupCommitter, integration: CreatedIntegration, journal: Journal
) -> None:
    body = bytes(12 * 1024 * 1024)
    outcomes = await settle(committer, [candidate(text_of(integration), body=body)] * 3)

    assert outcomes == [None] * 3
    assert await journal.group_sizes() == {2: 1, 1: 1}


async def test_an_unknown_token_in_a_group_is_refused_alone(
    committer: GroupCommitter, integration: CreatedIntegration, journal: Journal
) -> None:
    token, unknown = text_of(integration), token_text("at_", 1)
    outcomes = await settle(committer, [candidate(token), candidate(unknown), candidate(token)])

    assert [type(outcome) for outcome in outcomes] == [type(None), TokenUnknown, type(None)]
    assert await journal.group_sizes() == {2: 1}


async def test_what_no_transaction_can_hold_does_not_fail_its_neighbours(
    committer: GroupCommitter,
    integration: CreatedIntegration,
    journal: Journal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No request gets this far with zero records; the table refuses it, and quotes it."""
    token = text_of(integration)
    good, bad = candidate(token), candidate(token, records=0, peer="192.0.2.77")
    outcomes = await settle(committer, [good, bad, candidate(token)])
    said = capsys.readouterr().out

    assert [outcomes[0], outcomes[2]] == [None, None]
    assert isinstance(outcomes[1], NotStorable)
    assert await journal.group_sizes() == {1: 2}
    assert "constraint=receipts_records_check" in said
    assert "192.0.2.77" not in said


async def test_a_fault_of_ours_is_refused_so_that_a_resend_helps(
    shared_url: RoleUrl,
    integration: CreatedIntegration,
    journal: Journal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Here: a server that became a read-only copy."""
    clock = SystemClock()
    committer = GroupCommitter(
        functools.partial(connect, shared_url("pushgate_ingest"), application_name="test"),
        _ReadOnly(TokenCache(), admit, CommitReporter(AccessLog(clock), UsageStats()), clock=clock),
        outcome_seconds_max=10,
    )
    outcomes = await settle(committer, [candidate(text_of(integration))])

    assert [type(outcome) for outcome in outcomes] == [ServiceUnavailable]
    assert "error=ReadOnlySQLTransactionError" in capsys.readouterr().out
    assert await journal.count() == 0


class _ReadOnly(GroupTransaction):
    async def prepare(self, connection: Connection[Record]) -> None:
        await super().prepare(connection)
        await connection.execute("SET default_transaction_read_only = on")


@pytest.fixture
async def stuck(
    shared_url: RoleUrl, integration: CreatedIntegration
) -> AsyncGenerator[CreatedIntegration]:
    """Somebody took its lock, as for a revocation, and does not give it back."""
    holder = await connect(shared_url("pushgate_tokens"), application_name="test holder")
    await holder.execute("SELECT pg_advisory_lock(1, $1)", integration.integration_id)
    yield integration
    await holder.close()


async def test_an_integration_that_is_stuck_holds_up_others_for_seconds_only(
    committer: GroupCommitter,
    stuck: CreatedIntegration,
    use_cases: UseCases,
    caller: Caller,
) -> None:
    other = await use_cases.integrations.create(caller, "The other one", with_token=True)
    waiting = [candidate(text_of(each)) for each in (stuck, other, stuck, other, stuck)]
    async with asyncio.timeout(8):
        outcomes = await settle(committer, waiting)

    assert [outcomes[1], outcomes[3]] == [None, None]
    assert {type(outcomes[n]) for n in (0, 2, 4)} == {ServiceUnavailable}


async def test_pushes_of_many_integrations_meet_in_one_group(
    committer: GroupCommitter, use_cases: UseCases, caller: Caller, owner: Connection[Record]
) -> None:
    names = [f"Many {n}" for n in range(5)]
    made = [await use_cases.integrations.create(caller, name, with_token=True) for name in names]
    outcomes = await settle(committer, [candidate(text_of(each)) for each in reversed(made)])
    rows = await owner.fetch(
        "SELECT DISTINCT xmin::text FROM journal.receipts WHERE integration_id = ANY ($1)",
        [each.integration_id for each in made],
    )

    assert outcomes == [None] * 5
    assert len(rows) == 1


async def test_an_unknown_token_never_keeps_others_from_being_taken(gate: ImportClient) -> None:
    answers = await asyncio.gather(
        gate.push(gate.record()), gate.push(gate.record(), token=token_text("at_", 1))
    )

    assert [answer.brief for answer in answers] == [OK, NOT_AUTHORIZED]
