"""Who called, and under which id: what a proxy in front says, and what a caller may make up."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from services.runtime.http import caller_address, given_request_id

Client = TestClient[web.Request, web.Application]
FROM_HERE = "127.0.0.1"


async def as_seen(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "id": given_request_id(request),
            "direct": caller_address(request, behind_proxy=False),
            "proxied": caller_address(request, behind_proxy=True),
        }
    )


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    app = web.Application()
    app.router.add_get("/", as_seen)
    return await aiohttp_client(app)


async def test_without_a_proxy_a_forwarded_address_is_not_believed(client: Client) -> None:
    seen = await (await client.get("/", headers={"X-Forwarded-For": "203.0.113.9"})).json()

    assert seen["direct"] == FROM_HERE


@pytest.mark.parametrize(
    ("forwarded", "believed"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("10.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("2001:db8::7", "2001:db8::7"),
        ("somebody", FROM_HERE),
        ("", FROM_HERE),
    ],
)
async def test_behind_a_proxy_the_last_address_counts(
    client: Client, forwarded: str, believed: str
) -> None:
    seen = await (await client.get("/", headers={"X-Forwarded-For": forwarded})).json()

    assert seen["proxied"] == believed


async def test_of_two_forwarded_headers_the_last_counts(client: Client) -> None:
    headers = [("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "203.0.113.9")]

    seen = await (await client.get("/", headers=headers)).json()

    assert seen["proxied"] == "203.0.113.9"


@pytest.mark.parametrize("given", ["7", "c6b0217e-0dba-4725-9d01-ced4b8350dfd", "a:b.c", "x" * 64])
async def test_a_request_id_is_kept(client: Client, given: str) -> None:
    seen = await (await client.get("/", headers={"X-Request-Id": given})).json()

    assert seen["id"] == given


@pytest.mark.parametrize(
    "given", ["", "x" * 65, "two words", '"}', "at_" + "a" * 49, "ac_" + "a" * 49, "ü"]
)
async def test_a_request_id_that_may_not_be_logged_is_dropped(client: Client, given: str) -> None:
    seen = await (await client.get("/", headers={"X-Request-Id": given})).json()

    assert seen["id"] is None
