"""Every refusal of an import request: its status, its body, and that nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import aiohttp
import orjson
import pytest
from prometheus_client import REGISTRY

from protocol.token_text import token_text
from services.tokens.domain.commands import PauseIntegration
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from tests.ingest.conftest import Serve
from tests.ingest.gate import NOT_ACTIVE, NOT_AUTHORIZED, UNAVAILABLE, ImportClient
from tests.ingest.journal import Journal
from tests.ingest.test_taking import BATCH

PUSH, BATCHES, VALIDATE = "/v2/import/push", "/v2/import/batch", "/v2/import/validate"
IMPORTS = (PUSH, BATCHES, VALIDATE)


@pytest.fixture(autouse=True)
async def nothing_is_stored(journal: Journal) -> AsyncGenerator[None]:
    """Refused means untouched (design, promise 7), and no memory is kept for it."""
    yield
    assert REGISTRY.get_sample_value("pushgate_ingest_in_flight_bytes") == 0
    assert await journal.receipts() == await journal.bodies() == await journal.pending() == []


def good_body(gate: ImportClient, path: str) -> bytes:
    return orjson.dumps(BATCH if path == BATCHES else [gate.record()])


# --- the token ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", IMPORTS)
async def test_no_token(gate: ImportClient, path: str) -> None:
    assert (await gate.send(path, good_body(gate, path), token="")).brief == NOT_AUTHORIZED


@pytest.mark.parametrize("path", IMPORTS)
@pytest.mark.parametrize("token", ["at_wrong", "at_" + "a" * 49, token_text("ac_", 1), "é", "x y"])
async def test_a_mangled_or_foreign_token(gate: ImportClient, path: str, token: str) -> None:
    assert (await gate.send(path, good_body(gate, path), token=token)).brief == NOT_AUTHORIZED


@pytest.mark.parametrize("path", IMPORTS)
async def test_a_token_that_nobody_knows(gate: ImportClient, path: str) -> None:
    unknown = token_text("at_", 1)

    assert (await gate.send(path, good_body(gate, path), token=unknown)).brief == NOT_AUTHORIZED


@pytest.mark.parametrize("path", IMPORTS)
async def test_a_revoked_token(
    gate: ImportClient,
    path: str,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    assert integration.token is not None
    await use_cases.integrations.revoke_token(
        caller, integration.integration_id, integration.token.token_id
    )

    assert (await gate.send(path, good_body(gate, path))).brief == NOT_AUTHORIZED


async def test_another_scheme(gate: ImportClient) -> None:
    answer = await gate.send(PUSH, b"[]", token="", Authorization=f"Basic {gate.token}")

    assert answer.brief == NOT_AUTHORIZED


async def test_two_authorization_headers_are_one_too_many(
    gate: ImportClient, session: aiohttp.ClientSession
) -> None:
    """It is unknown which of the two was meant (hostile input 24)."""
    headers = [("Authorization", f"Bearer {gate.token}")] * 2
    async with session.post(gate.url + PUSH, data=b"[]", headers=headers) as answer:
        assert answer.status == 400
        assert await answer.read() == b'{"message":"Send exactly one Authorization header."}'


async def test_a_token_in_the_address_is_refused_even_if_the_header_is_right(
    gate: ImportClient,
) -> None:
    answer = await gate.send(f"{PUSH}?token={gate.token}", good_body(gate, PUSH))

    assert answer.status == 400
    assert answer.body == (
        b'{"message":"Send the token in the Authorization header, never in the address;'
        b' revoke this one."}'
    )


# --- the integration ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", IMPORTS)
async def test_a_paused_integration(
    gate: ImportClient,
    path: str,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    pause = PauseIntegration(paused_at="2026-11-23T12:00:00Z")
    await use_cases.integrations.change(caller, integration.integration_id, [pause])

    assert (await gate.send(path, good_body(gate, path))).brief == NOT_ACTIVE


@pytest.mark.parametrize("path", IMPORTS)
async def test_a_deleted_integration(
    gate: ImportClient,
    path: str,
    use_cases: UseCases,
    caller: Caller,
    integration: CreatedIntegration,
) -> None:
    await use_cases.integrations.delete(caller, integration.integration_id)

    assert (await gate.send(path, good_body(gate, path))).brief == NOT_ACTIVE


@pytest.mark.parametrize("path", [PUSH, VALIDATE])
async def test_another_accounts_client_id(gate: ImportClient, path: str) -> None:
    body = orjson.dumps([gate.record(client_id=gate.client_id + 1)])
    answer = await gate.send(path, body)

    assert answer.status == 403
    assert answer.body == (
        b'{"status":"ERROR","error":"Forbidden",'
        b'"errors":{"error":"Access token is not associated with this client."}}'
    )


# --- the request --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PUSH, VALIDATE])
@pytest.mark.parametrize("content_type", ["text/plain", "application/xml; q=1", None])
async def test_a_media_type_that_push_does_not_take(
    gate: ImportClient, path: str, content_type: str | None
) -> None:
    answer = await gate.send(path, good_body(gate, path), content_type=content_type)

    assert (answer.status, answer.json["status"]) == (415, "ERROR")


@pytest.mark.parametrize("content_type", ["text/plain", "application/transit+json", None])
async def test_a_media_type_that_batch_does_not_take(
    gate: ImportClient, content_type: str | None
) -> None:
    answer = await gate.send(BATCHES, good_body(gate, BATCHES), content_type=content_type)

    assert answer.brief == (415, b"Content-Type must be application/json")
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("path", IMPORTS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method(gate: ImportClient, path: str, method: str) -> None:
    answer = await gate.send(path, b"", method=method)

    assert answer.brief == (405, b"Method not allowed.")
    assert answer.headers["Allow"] == "POST"
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path", ["/v2/import/nope", "/", "/v2/import/push/", "/v2/import/status/x"]
)
async def test_another_path(gate: ImportClient, path: str) -> None:
    answer = await gate.send(path, b"[]")

    assert answer.brief == (404, b'{"message":"Not Found"}')
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("path", IMPORTS)
async def test_au_12_the_region_switch(serve: Serve, gate: ImportClient, path: str) -> None:
    async with serve(refuse_region=True) as other:
        gate.url = other.url
        answer = await gate.send(path, b"not even JSON", token="")

    assert answer.brief == (401, b'{"message":"Invalid region."}')


# --- the order ----------------------------------------------------------------------------------


async def test_a_bad_token_is_named_before_a_bad_media_type(gate: ImportClient) -> None:
    unknown = token_text("at_", 1)

    assert (await gate.send(PUSH, b"x", token=unknown, content_type="x/y")).brief == NOT_AUTHORIZED


async def test_a_bad_token_is_named_before_a_bad_body(gate: ImportClient) -> None:
    assert (await gate.send(PUSH, b"[", token=token_text("at_", 1))).brief == NOT_AUTHORIZED


async def test_a_body_that_cannot_be_parsed_is_named_before_a_pause(
    gate: ImportClient, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    await use_cases.integrations.change(
        caller, integration.integration_id, [PauseIntegration(paused_at="2026-11-23T12:00:00Z")]
    )

    assert (await gate.send(PUSH, b"[")).json["message"] == "Malformed json in the body!"


async def test_a_pause_is_named_before_a_bad_record(
    gate: ImportClient, use_cases: UseCases, caller: Caller, integration: CreatedIntegration
) -> None:
    await use_cases.integrations.change(
        caller, integration.integration_id, [PauseIntegration(paused_at="2026-11-23T12:00:00Z")]
    )

    assert (await gate.push(gate.record(table_name=""))).brief == NOT_ACTIVE


async def test_a_good_record_beside_a_bad_one_is_not_taken(gate: ImportClient) -> None:
    answer = await gate.push(gate.record(), gate.record(sequence="abc"))

    assert answer.status == 422


# --- sizes --------------------------------------------------------------------------------------


async def test_an_announced_body_over_the_limit_is_refused_before_it_is_read(
    gate: ImportClient,
) -> None:
    answer = await gate.send(PUSH, b" " * 21_000_000, token="")

    assert answer.status == 413
    assert answer.json == {
        "status": "ERROR",
        "message": "Request rejected: request size (21000000 bytes) exceeds the maximum",
    }


async def pieces(count: int, size: int) -> AsyncGenerator[bytes]:
    for _ in range(count):
        yield b" " * size


async def test_lm_03_a_chunked_body_over_the_limit(serve: Serve, gate: ImportClient) -> None:
    async with serve(body_bytes_max=300_000) as served:
        gate.url = served.url
        answer = await gate.send(PUSH, pieces(50, 10_000))

    assert answer.status == 413


async def test_much_is_not_read_for_a_token_that_nobody_knows(gate: ImportClient) -> None:
    """Otherwise whoever can make up a checksum could fill our memory."""
    unknown = token_text("at_", 1)

    assert (await gate.send(PUSH, pieces(10, 10_000), token=unknown)).brief == NOT_AUTHORIZED
    assert (await gate.send(PUSH, b" " * 100_000, token=unknown)).brief == NOT_AUTHORIZED


async def test_over_the_bytes_in_flight_a_push_may_come_again_later(
    serve: Serve, gate: ImportClient
) -> None:
    async with serve(in_flight_bytes_max=1_000) as served:
        gate.url = served.url
        announced = await gate.send(PUSH, b" " * 1_001)
        chunked = await gate.send(PUSH, pieces(11, 100))

    assert announced.brief == chunked.brief == UNAVAILABLE
    assert int(announced.headers["Retry-After"]) > 0
