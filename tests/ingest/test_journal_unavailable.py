"""While the store is away requests are refused so that a resend helps, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import orjson
import pytest
from aiohttp import web

from protocol.token_text import token_text
from services.runtime.http import HEALTH
from services.tokens.domain.commands import PauseIntegration
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually
from tests.ingest.cable import Cable
from tests.ingest.conftest import Serve
from tests.ingest.gate import (
    NOT_ACTIVE,
    NOT_AUTHORIZED,
    OK,
    UNAVAILABLE,
    VALID,
    Answer,
    ImportClient,
    Served,
)
from tests.ingest.journal import Journal

VALIDATE = "/v2/import/validate"
PAUSE = PauseIntegration(paused_at="2026-11-23T12:00:00Z")


@pytest.fixture
async def cable(shared_url: RoleUrl) -> AsyncGenerator[Cable]:
    async with Cable(shared_url("pushgate_ingest")).laid() as laid:
        yield laid


@pytest.fixture
async def ingest(serve: Serve, cable: Cable) -> AsyncGenerator[Served]:
    async with serve(database_url=cable.url) as running:
        yield running


def reasons_of(ingest: Served) -> Callable[[], Awaitable[dict[str, str]]]:
    """Why it is not ready."""
    assert isinstance(ingest.runner, web.AppRunner)
    return ingest.runner.app[HEALTH].reasons


async def test_a_push_is_told_to_come_again(gate: ImportClient, cable: Cable) -> None:
    cable.cut()
    answer = await gate.push(gate.record())

    assert answer.brief == UNAVAILABLE
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_request_with_a_fault_is_too_because_nobody_knows_its_token(
    gate: ImportClient, cable: Cable
) -> None:
    cable.cut()

    assert (await gate.send("/v2/import/push", b"[")).brief == UNAVAILABLE
    assert (await gate.send("/v2/import/push", b" " * 100_000)).brief == UNAVAILABLE


async def test_a_mangled_token_is_refused_without_asking(gate: ImportClient, cable: Cable) -> None:
    cable.cut()

    assert (await gate.push(gate.record(), token="at_wrong")).brief == NOT_AUTHORIZED


async def test_pushes_go_on_when_the_store_is_back(
    gate: ImportClient, cable: Cable, journal: Journal
) -> None:
    cable.cut()
    await gate.push(gate.record(sequence=1))
    cable.repair()

    async def taken() -> bool:
        return (await gate.push(gate.record(sequence=2))).brief == OK

    assert await eventually(taken)
    assert await journal.count() == 1


async def test_a_break_while_nobody_pushes_is_not_noticed(
    gate: ImportClient, cable: Cable, ingest: Served
) -> None:
    await gate.push(gate.record())
    cable.cut()
    assert await eventually(reasons_of(ingest))
    cable.repair()

    async def ready() -> bool:
        return not await reasons_of(ingest)()

    assert await eventually(ready)
    assert (await gate.push(gate.record(sequence=2))).brief == OK


async def push_whose_answer_is_lost(
    gate: ImportClient, cable: Cable, journal: Journal
) -> asyncio.Task[Answer]:
    """Cut off when it has been stored, before anybody here could hear of it."""
    await gate.push(gate.record())
    cable.swallow_answers()
    pushing = asyncio.create_task(gate.push(gate.record(sequence=2)))

    async def stored() -> bool:
        return await journal.count() == 2

    assert await eventually(stored)
    cable.cut()
    return pushing


async def test_a_commit_whose_answer_is_lost_is_looked_for_and_acknowledged(
    gate: ImportClient, cable: Cable, journal: Journal
) -> None:
    pushing = await push_whose_answer_is_lost(gate, cable, journal)
    cable.repair()

    assert (await pushing).brief == OK
    assert await journal.count() == 2


async def test_it_is_found_although_its_token_was_revoked_since(
    gate: ImportClient,
    cable: Cable,
    journal: Journal,
    *,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    pushing = await push_whose_answer_is_lost(gate, cable, journal)
    assert integration.token is not None
    await use_cases.integrations.revoke_token(
        caller, integration.integration_id, integration.token.token_id
    )
    cable.repair()

    assert (await pushing).brief == OK
    assert await journal.count() == 2


async def test_a_commit_that_never_arrived_is_made_when_the_store_is_back(
    gate: ImportClient, cable: Cable, journal: Journal
) -> None:
    await gate.push(gate.record())
    cable.swallow_questions()
    pushing = asyncio.create_task(gate.push(gate.record(sequence=2)))
    await cable.swallowed()
    cable.cut()
    cable.repair()

    assert (await pushing).brief == OK
    assert await journal.count() == 2


async def test_nobody_is_told_what_nobody_knows(
    serve: Serve, cable: Cable, journal: Journal, gate: ImportClient
) -> None:
    """The one answer that promises neither that it was taken nor that it was not."""
    async with serve(database_url=cable.url, outcome_seconds_max=0.2) as ingest:
        gate.url = ingest.url
        answer = await (await push_whose_answer_is_lost(gate, cable, journal))

    assert answer.status == 504
    assert answer.json["status"] == "ERROR"


async def test_va_04_validate_judges_a_request_on_its_own_merits(
    gate: ImportClient, cable: Cable
) -> None:
    await gate.push(gate.record())
    cable.cut()
    good = await gate.send(VALIDATE, orjson.dumps([gate.record()]))
    bad = await gate.send(VALIDATE, orjson.dumps([gate.record(table_name="")]))
    large = await gate.send(
        VALIDATE, orjson.dumps([gate.record(data={"id": 1, "x": "y" * 100_000})])
    )
    mangled = await gate.send(VALIDATE, b"[]", token="at_wrong")
    unknown_type = await gate.send(VALIDATE, b"[]", token=token_text("at_", 1), content_type="x/y")

    assert good.brief == large.brief == VALID
    assert (bad.status, mangled.status, unknown_type.status) == (422, 401, 401)


async def test_validate_goes_by_the_mirror(
    gate: ImportClient,
    cable: Cable,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    await use_cases.integrations.change(caller, integration.integration_id, [PAUSE])

    async def paused() -> bool:
        return (await gate.push(gate.record())).brief == NOT_ACTIVE

    assert await eventually(paused)
    cable.cut()
    body = orjson.dumps([gate.record()])

    assert (await gate.send(VALIDATE, body)).brief == NOT_ACTIVE
    unknown = await gate.send(VALIDATE, body, token=token_text("at_", 1))
    assert unknown.brief == NOT_AUTHORIZED


async def test_st_02_status_says_so(gate: ImportClient, cable: Cable) -> None:
    cable.cut()

    async def broken() -> bool:
        return (await gate.send("/v2/import/status", b"", method="GET", token="")).status == 503

    assert await eventually(broken)
    answer = await gate.send("/v2/import/status", b"", method="GET", token="")
    assert answer.json["status"] == "ERROR"
    assert answer.json["reason"]


async def test_readiness_says_so(ingest: Served, cable: Cable) -> None:
    assert await reasons_of(ingest)() == {}
    cable.cut()

    assert "journal" in await eventually(reasons_of(ingest))
