"""Who uses which token and what was refused can be looked up, and costs no push anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from asyncpg import Connection, Pool, Record

from protocol.token_text import token_text
from services.ingest.admission import TokenOwner
from services.ingest.reporting.usage_stats import UsageStats
from services.ingest.reporting.usage_writer import UsageWriter
from services.journal.candidates import TokenRow
from services.runtime.clock import SystemClock
from services.runtime.database import pool
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.ingest.cable import Cable
from tests.ingest.conftest import Serve
from tests.ingest.gate import NOT_AUTHORIZED, OK, ImportClient, send_raw

PUSH = "/v2/import/push"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


async def refusals_of_nobody(owner: Connection[Record]) -> dict[str, Record]:
    rows = await owner.fetch(
        "SELECT reason, sum(requests) AS requests, max(last_peer) AS last_peer"
        "  FROM journal.refusals WHERE integration_id IS NULL GROUP BY reason"
    )
    return {row["reason"]: row for row in rows}


async def test_the_refused_can_be_told_apart_once_the_program_has_stopped(
    serve: Serve,
    gate: ImportClient,
    owner: Connection[Record],
    *,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    """With the real caller's address, although a proxy stands before the program."""
    assert integration.token is not None
    number, token_id = integration.integration_id, integration.token.token_id
    before = await refusals_of_nobody(owner)
    second = await use_cases.integrations.generate_token(caller, number)
    body = b"[{}]"
    async with serve(behind_proxy=True) as running:
        gate.url = running.url
        headers = {"X_Forwarded_For": "203.0.113.9, 2001:db8::7"}
        # Known and active: its records are what is wrong.
        await gate.send(PUSH, body, token=second.access_token, **headers)
        await use_cases.integrations.revoke_token(caller, number, token_id)
        for _ in range(3):
            answer = await gate.send(PUSH, body, **headers)
            assert answer.brief == NOT_AUTHORIZED
        for token in ("", "at_wrong", token_text("at_", 99)):
            answer = await gate.send(PUSH, body, token=token, **headers)
            assert answer.brief == NOT_AUTHORIZED

    rows = await owner.fetch(
        "SELECT reason, token_id, last_peer, sum(requests), sum(bytes) FROM journal.refusals"
        " WHERE integration_id = $1 GROUP BY 1, 2, 3 ORDER BY 1",
        number,
    )
    after = await refusals_of_nobody(owner)

    assert [tuple(row) for row in rows] == [
        ("client_id_missing", second.token_id, "2001:db8::7", 1, 4),
        ("token_revoked", token_id, "2001:db8::7", 3, 12),
    ]
    # What is nobody's is counted together with that of neighbours.
    for reason in ("token_missing", "token_mangled", "token_unknown"):
        assert after[reason]["requests"] > (before[reason]["requests"] if reason in before else 0)


async def test_what_is_no_endpoint_and_what_is_no_http_is_counted_too(
    serve: Serve, gate: ImportClient, owner: Connection[Record], integration: CreatedIntegration
) -> None:
    """An app with a wrong address, or one that something between cuts to pieces, loses records."""
    assert integration.token is not None
    number = integration.integration_id
    before = await refusals_of_nobody(owner)
    async with serve() as running:
        gate.url = running.url
        assert (await gate.push(gate.record())).brief == OK
        assert (await gate.send("/v2/import/nope", b"[]")).status == 404
        for _ in range(3):
            await send_raw(running.url, b"POST /v2 HTTP/1.1\r\nAuthorization Bearer x\r\n\r\n")

    lost = await owner.fetchrow(
        "SELECT token_id, requests, bytes FROM journal.refusals WHERE integration_id = $1", number
    )
    broken = (await refusals_of_nobody(owner))["malformed_http"]
    known = before["malformed_http"]["requests"] if "malformed_http" in before else 0
    assert lost is not None
    assert tuple(lost) == (integration.token.token_id, 1, 2)
    assert broken["requests"] >= known + 3
    assert broken["last_peer"] == "127.0.0.1"


async def test_a_push_whose_group_found_its_token_revoked_is_told_as_that(
    serve: Serve,
    gate: ImportClient,
    owner: Connection[Record],
    *,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    assert integration.token is not None
    async with serve(behind_proxy=True) as running:
        gate.url = running.url
        assert (await gate.push(gate.record())).brief == OK
        await use_cases.integrations.revoke_token(
            caller, integration.integration_id, integration.token.token_id
        )
        assert (await gate.push(gate.record())).brief == NOT_AUTHORIZED

    rows = await owner.fetch(
        "SELECT reason, token_id FROM journal.refusals WHERE integration_id = $1",
        integration.integration_id,
    )
    assert [tuple(row) for row in rows] == [("token_revoked", integration.token.token_id)]


async def test_the_first_and_the_last_use_of_a_token_are_written(
    serve: Serve, gate: ImportClient, owner: Connection[Record], integration: CreatedIntegration
) -> None:
    for peer in ("192.0.2.1", "192.0.2.2"):
        async with serve(behind_proxy=True) as running:
            gate.url = running.url
            body = orjson.dumps([gate.record()])
            answer = await gate.send(PUSH, body, X_Forwarded_For=peer)
            assert answer.brief == OK

    row = await owner.fetchrow(
        "SELECT u.*, r.first, r.last FROM journal.token_use u,"
        " (SELECT min(received_at) AS first, max(received_at) AS last FROM journal.receipts"
        "   WHERE integration_id = $1) r WHERE u.integration_id = $1",
        integration.integration_id,
    )

    assert integration.token is not None
    assert row is not None
    assert row["token_id"] == integration.token.token_id
    assert (row["first_used_at"], row["last_used_at"]) == (row["first"], row["last"])
    assert (row["first_peer"], row["last_peer"]) == ("192.0.2.1", "192.0.2.2")


@pytest.fixture
async def connections(shared_url: RoleUrl) -> AsyncGenerator[Pool[Record]]:
    async with pool(
        shared_url("pushgate_ingest"), application_name="test books", connections_max=1
    ) as opened:
        yield opened


def books_of(connections: Pool[Record], counts: UsageStats, *, keep_days: int = 90) -> UsageWriter:
    return UsageWriter(connections, counts, clock=SystemClock(), keep_refusals_days=keep_days)


async def test_what_is_written_twice_is_added(
    connections: Pool[Record], owner: Connection[Record], integration: CreatedIntegration
) -> None:
    """Two programs count the same minute, and each writes more than once."""
    whose = TokenOwner(integration.integration_id, None)
    for moment, peer in ((NOON + SECOND, "::2"), (NOON, "::1"), (NOON + 2 * SECOND, "::3")):
        counts = UsageStats()
        counts.add_refusal("records_refused", whose, now=moment, body_bytes=5, peer=peer)
        await books_of(connections, counts).write()

    rows = await owner.fetch(
        "SELECT first_at, last_at, requests, bytes, last_peer FROM journal.refusals"
        " WHERE integration_id = $1",
        integration.integration_id,
    )

    assert [tuple(row) for row in rows] == [(NOON, NOON + 2 * SECOND, 3, 15, "::3")]


async def test_counts_survive_a_database_that_is_away(
    shared_url: RoleUrl, owner: Connection[Record], integration: CreatedIntegration
) -> None:
    counts = UsageStats()
    token = TokenRow(10**9 + integration.integration_id, integration.integration_id, 1, "active")
    counts.add_uses([(token, None, NOON)])
    async with (
        Cable(shared_url("pushgate_ingest")).laid() as cable,
        pool(cable.url, application_name="test books", connections_max=1) as connections,
    ):
        books = books_of(connections, counts)
        cable.cut()
        await books.write()
        cable.repair()
        await books.write()

    used = await owner.fetchval(
        "SELECT first_used_at FROM journal.token_use WHERE token_id = $1", token.token_id
    )
    assert used == NOON


async def test_old_refusals_are_forgotten(
    connections: Pool[Record], owner: Connection[Record], integration: CreatedIntegration
) -> None:
    now, counts = SystemClock().now(), UsageStats()
    whose = TokenOwner(integration.integration_id, None)
    for days in (0, 6, 8):
        moment = now - timedelta(days=days)
        counts.add_refusal("records_refused", whose, now=moment, body_bytes=1, peer=None)
    books = books_of(connections, counts, keep_days=7)
    await books.write()
    await books.delete_expired()

    kept = await owner.fetch(
        "SELECT first_at FROM journal.refusals WHERE integration_id = $1 ORDER BY 1",
        integration.integration_id,
    )

    assert [(now - row[0]).days for row in kept] == [6, 0]
    assert counts.take().refusals == {}
