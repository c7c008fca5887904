"""The relay: what it takes, what it refuses, and what becomes of both."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from cli.connect_api import ConnectApi
from cli.temporary_installation import TemporaryInstallation
from pushgate_client import OutboxView
from services.relay.app import RelaySettings
from services.runtime.config import Secret
from tests.cli.made import Made
from tests.eventually import eventually
from tests.relay.conftest import Relay, RelayProcess
from tests.system.destination import rows

JSON = {"Content-Type": "application/json"}
ACCEPTED = b'{"status":"OK","message":"Batch Accepted!"}'


def pushed(system: TemporaryInstallation, *ids: int, **changes: Any) -> bytes:
    return orjson.dumps(
        [
            {
                "client_id": system.installation.client_id(),
                "table_name": "orders",
                "key_names": ["id"],
                "action": "upsert",
                "sequence": 1,
                "data": {"id": each},
            }
            | changes
            for each in ids
        ]
    )


def batched(table: str, column: str, value: int, **more: Any) -> bytes:
    body = {
        "table_name": table,
        "schema": {"properties": {column: {"type": "integer"}}},
        "messages": [{"action": "upsert", "sequence": 1, "data": {column: value}}],
    }
    return orjson.dumps(body | more)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as calls:
        yield calls


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, **headers: str
) -> tuple[int, bytes]:
    async with session.post(url, data=io.BytesIO(body), headers=JSON | headers) as answer:
        return answer.status, await answer.read()


async def replace_token(token_file: Path, api: ConnectApi, source: Made) -> None:
    token = await api.create_token(source.id)
    await asyncio.to_thread(token_file.write_text, token["access_token"])


async def told(session: aiohttp.ClientSession, relay: str) -> dict[str, Any]:
    async with session.get(f"{relay}/status") as answer:
        return dict(await answer.json())


async def sent(session: aiohttp.ClientSession, relay: str, requests: int) -> None:
    async def all_sent() -> bool:
        return bool((await told(session, relay))["sent"] == requests)

    await eventually(all_sent, seconds=30)


async def test_whatever_token_the_client_has_its_rows_arrive(
    system: TemporaryInstallation, source: Made, relay: Relay, session: aiohttp.ClientSession
) -> None:
    batch = batched("lines", "id", 7, key_names=["id"])
    async with relay() as url:
        first = await post(
            session, f"{url}/v2/import/push", pushed(system, 1), Authorization="Bearer long gone"
        )
        second = await post(
            session,
            f"{url}/v2/import/push",
            gzip.compress(pushed(system, 2)),
            **{"Content-Encoding": "gzip"},
        )
        third = await post(session, f"{url}/v2/import/batch", batch)
        await sent(session, url, 3)

    assert first == second == third == (201, ACCEPTED)
    assert await rows(system, source, "SELECT id FROM {schema}.orders ORDER BY 1") == [(1,), (2,)]
    assert await rows(system, source, "SELECT id FROM {schema}.lines") == [(7,)]


async def test_requests_keep_their_names(
    system: TemporaryInstallation, source: Made, relay: Relay, session: aiohttp.ClientSession
) -> None:
    """Without keys, equal bytes are taken once; under two names they are meant twice."""
    batch = batched("counted", "n", 1)
    async with relay() as url:
        for name in ("a", "b", "b"):
            await post(session, f"{url}/v2/import/batch", batch, **{"Idempotency-Key": name})
        await sent(session, url, 3)

    assert await rows(system, source, "SELECT n FROM {schema}.counted") == [(1,), (1,)]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "answer"),
    [
        ("push", b"{}", {}, 400, b'{"status":"ERROR","message":"An array of records is expected"}'),
        ("push", b"[", {}, 400, b"Malformed json in the body!"),
        ("push", b"[]", {"Content-Type": "text/csv"}, 415, b"Unsupported content-type"),
        ("push", b'[{"client_id": 1, "table_name": "a"}]', {}, 422, b"can't be blank"),
        ("push", b'[{"table_name": "a"}]', {}, 401, b"Not Authenticated."),
        ("validate", b'[{"client_id": 1, "table_name": "a"}]', {}, 422, b"can't be blank"),
        ("batch", b"[]", {}, 400, b"expected type: JSONObject, found: JSONArray"),
        ("batch", b"{}", {"Content-Type": "text/csv"}, 415, b"Content-Type must be"),
        ("push", b" " * 20_000_001, {}, 413, b"request size (20000001 bytes) exceeds the maximum"),
    ],
)
async def test_what_the_gate_would_refuse_is_refused_at_once_and_not_kept(
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    answer: bytes,
    relay: Relay,
    session: aiohttp.ClientSession,
) -> None:
    async with relay() as url:
        got, text = await post(session, f"{url}/v2/import/{path}", body, **headers)
        counts = await told(session, url)

    assert (got, answer in text) == (status, True), text
    assert (counts["waiting"], counts["sent"], counts["set_aside"]) == (0, 0, 0)


async def test_a_revoked_token_holds_what_comes_until_another_stands_in_the_file(
    system: TemporaryInstallation,
    source: Made,
    api: ConnectApi,
    token_file: Path,
    relay: Relay,
    session: aiohttp.ClientSession,
) -> None:
    await api.revoke_token(source.id, source.token_id)
    async with relay() as url:
        answers = [await post(session, f"{url}/v2/import/push", pushed(system, n)) for n in (1, 2)]

        async def is_held() -> bool:
            return bool((await told(session, url))["held"] == 2)

        await eventually(is_held)
        held = await told(session, url)
        metrics = await (await session.get(f"{url}/metrics")).text()
        await replace_token(token_file, api, source)
        await sent(session, url, 2)

    assert answers == [(201, ACCEPTED)] * 2
    assert "Not Authorized" in held["why"]
    assert 'pushgate_relay_requests{state="held"} 2.0' in metrics
    assert await rows(system, source, "SELECT id FROM {schema}.orders ORDER BY 1") == [(1,), (2,)]


async def test_what_waits_survives_a_restart_and_a_stop_is_graceful(
    system: TemporaryInstallation,
    source: Made,
    api: ConnectApi,
    relay_process: RelayProcess,
    settings: RelaySettings,
    session: aiohttp.ClientSession,
) -> None:
    await api.revoke_token(source.id, source.token_id)
    answer = await post(session, f"{relay_process.url}/v2/import/push", pushed(system, 1))
    exit_code = await relay_process.stop()
    waiting = (await asyncio.to_thread(OutboxView(settings.directory).counts)).waiting
    await replace_token(settings.token_file, api, source)
    await relay_process.start()
    await sent(session, relay_process.url, 1)

    assert (answer, exit_code, waiting) == ((201, ACCEPTED), 0, 1)
    assert await rows(system, source, "SELECT id FROM {schema}.orders") == [(1,)]


async def test_a_full_outbox_asks_for_the_same_request_again(
    system: TemporaryInstallation,
    source: Made,
    api: ConnectApi,
    relay: Relay,
    session: aiohttp.ClientSession,
) -> None:
    await api.revoke_token(source.id, source.token_id)
    body = pushed(system, *range(200))
    async with relay(bytes_max=len(body) + 2_000) as url:
        first = await post(session, f"{url}/v2/import/push", body)
        async with session.post(f"{url}/v2/import/push", data=body, headers=JSON) as second:
            refusal = await second.read()
        async with session.get(f"{url}/v2/import/status") as status:
            reason = (status.status, (await status.json())["reason"])
        page = await told(session, url)

    assert first == (201, ACCEPTED)
    assert (second.status, second.headers["Retry-After"], refusal) == (
        503,
        "2",
        b'{"status":"ERROR","message":"Service unavailable; send the same request again later."}',
    )
    assert reason == (503, page["full"])
    assert "outbox is full" in page["full"]
    assert page["waiting"] == 1


async def test_one_who_refuses_a_foreign_client_id_has_its_answer_kept(
    system: TemporaryInstallation,
    relay: Relay,
    settings: RelaySettings,
    session: aiohttp.ClientSession,
) -> None:
    """Only the gate knows whose a token is."""
    async with relay() as url:
        await post(session, f"{url}/v2/import/push", pushed(system, 1, client_id=999))

        async def is_set_aside() -> bool:
            return bool((await told(session, url))["set_aside"] == 1)

        await eventually(is_set_aside)
    [aside] = await asyncio.to_thread(lambda: list(OutboxView(settings.directory).set_aside()))

    assert (aside.status, "not associated with this client" in aside.reason) == (403, True)


async def test_validate_and_status_answer_as_the_gate_does(
    system: TemporaryInstallation, relay: Relay, session: aiohttp.ClientSession
) -> None:
    async with relay() as url:
        validated = await post(session, f"{url}/v2/import/validate", pushed(system, 1))
        async with session.get(f"{url}/v2/import/status") as answer:
            status = await answer.json()
        async with session.get(f"{url}/v2/import/push") as answer:
            wrong_method = (answer.status, await answer.text(), answer.headers["Allow"])
        waiting = (await told(session, url))["waiting"]

    assert validated == (200, b'{"status":"OK","message":"Batch is valid!"}')
    assert (status["name"], status["status"]) == ("pipeline.gate", "OK")
    assert wrong_method == (405, "Method not allowed.", "POST")
    assert waiting == 0


async def test_a_person_sees_a_page(relay: Relay, session: aiohttp.ClientSession) -> None:
    html = {"Accept": "text/html"}
    async with relay() as url, session.get(f"{url}/status", headers=html) as answer:
        page = await answer.text()
        async with session.get(f"{url}/status.css") as style:
            assert (style.status, style.content_type) == (200, "text/css")

    assert answer.content_type == "text/html"
    assert '<link rel="stylesheet" href="/status.css">' in page
    assert "All accepted pushes have been sent" in page


async def test_where_a_secret_is_set_nothing_is_taken_or_told_without_it(
    system: TemporaryInstallation, relay: Relay, session: aiohttp.ClientSession
) -> None:
    secret = "a secret of some length"
    async with relay(secret=Secret(secret)) as url:
        without = await post(session, f"{url}/v2/import/push", pushed(system, 1))
        with_it = await post(
            session, f"{url}/v2/import/push", pushed(system, 1), Authorization=f"Bearer {secret}"
        )
        async with session.get(f"{url}/status") as status, session.get(f"{url}/metrics") as metrics:
            refused = [status.status, metrics.status]

    assert without == (401, b'{"message":"Not Authorized"}')
    assert with_it == (201, ACCEPTED)
    assert refused == [401, 401]


@pytest.mark.parametrize("secret", [None, Secret("a secret of some length")])
async def test_several_tokens_and_a_token_in_the_url_are_refused_as_the_gate_does(
    secret: Secret | None,
    system: TemporaryInstallation,
    relay: Relay,
    session: aiohttp.ClientSession,
) -> None:
    header = ("Authorization", "Bearer a secret of some length")
    async with relay(secret=secret) as url:
        push = f"{url}/v2/import/push"
        async with session.post(push, data=b"[]", headers=[header, header]) as several:
            several_answer = several.status, await several.read()
        in_url = await post(
            session, f"{push}?token=at_{'a' * 49}", pushed(system, 1), Authorization=header[1]
        )

    assert several_answer == (400, b'{"message":"Send exactly one Authorization header."}')
    assert in_url == (
        400,
        (
            b'{"message":"Send the token in the Authorization header, never in the address;'
            b' revoke this one."}'
        ),
    )


async def asked_by(
    session: aiohttp.ClientSession, url: str, body: bytes, caller: dict[str, str]
) -> list[int]:
    """What a push, the page and the metrics are answered with."""
    statuses = [(await post(session, f"{url}/v2/import/push", body, **caller))[0]]
    for path in ("status", "metrics"):
        async with session.get(f"{url}/{path}", headers=caller) as answer:
            statuses.append(answer.status)
    return statuses


async def test_a_web_page_can_not_be_used_to_push_or_to_look(
    system: TemporaryInstallation, relay: Relay, session: aiohttp.ClientSession
) -> None:
    """A name can be made to lead to this machine, and a browser here follows it."""
    callers = (
        {"Host": "evil.example:8803", "Origin": "http://evil.example:8803"},
        {"Host": "evil.example:8803"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    )
    async with relay() as url:
        answers = [await asked_by(session, url, pushed(system, 1), each) for each in callers]
        counts = await told(session, url)

    assert answers == [[403, 403, 403]] * len(callers)
    assert (counts["waiting"], counts["sent"]) == (0, 0)


async def test_programs_on_this_machine_need_no_secret_whatever_they_call_it(
    system: TemporaryInstallation, relay: Relay, session: aiohttp.ClientSession
) -> None:
    names = ("localhost:8803", "LOCALHOST", "[::1]:8803", "127.0.0.1")
    async with relay() as url:
        body = pushed(system, 1)
        answers = [await asked_by(session, url, body, {"Host": name}) for name in names]

    assert answers == [[201, 200, 200]] * len(names)


async def test_a_secret_that_is_no_text_is_a_wrong_one(relay: Relay) -> None:
    """Written by hand: clients of today send no such bytes."""
    head = b"POST /v2/import/push HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n"
    async with relay(secret=Secret("a secret of some length")) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", url.rpartition(":")[2])
        writer.write(
            head + b"Authorization: Bearer \xff\xfe\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\n\r\n[]"
        )
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.endswith(b'{"message":"Not Authorized"}')


async def test_it_does_not_listen_for_everybody_without_a_secret(
    system: TemporaryInstallation, tmp_path: Path
) -> None:
    options = ("--outbox", str(tmp_path / "outbox"), "--token-file", str(tmp_path / "token"))
    refused = await system.run("relay", "--listen", "0.0.0.0:0", *options)

    assert refused.exit_code == 1
    assert "--secret-file" in refused.errors


async def test_a_second_relay_on_the_same_outbox_is_refused(
    system: TemporaryInstallation, relay: Relay, settings: RelaySettings
) -> None:
    async with relay():
        options = (
            *("--outbox", str(settings.directory)),
            *("--token-file", str(settings.token_file)),
        )
        second = await system.run("relay", "--listen", "127.0.0.1:0", *options)

    assert second.exit_code == 1
    assert "is in use by" in second.errors
