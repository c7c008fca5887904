"""Where a token's text must never stand: log lines, answers to what went wrong, exceptions."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pytest_aiohttp.plugin import AiohttpClient
from structlog.testing import capture_logs

from services.runtime.clock import SystemClock
from services.tokens import refusals
from services.tokens.connect_api.answers import STATUS_AND_ERROR
from services.tokens.middleware import request_middleware
from services.tokens.use_cases.new_tokens import new_token
from tests.tokens.connect_client import ConnectClient

CANARY = new_token("ac_").text

CRASH_WITH_A_TOKEN_IN_HAND = """
from services.runtime.logs import Log, configure_logs
configure_logs("test")
def crash(access_token):
    raise KeyError("the reason")
try:
    crash({canary!r})
except KeyError:
    Log().exception("request.crashed", method="GET")
"""


async def test_the_log_lines_of_a_tokens_life_do_not_hold_it(api: ConnectClient) -> None:
    with capture_logs() as lines:
        source = await api.new_source()
        answer = await api.post(f"/v4/sources/{source}/tokens")
        await api.get(f"/v4/sources?access_token={api.connect_token}")
        await api.delete(f"/v4/sources/{source}/tokens/{answer.json['id']}")
        await api.with_token("ac_nonsense").get("/v4/sources")

    printed = json.dumps(lines)
    assert answer.json["access_token"] not in printed
    assert api.connect_token not in printed
    assert "nonsense" not in printed
    assert [line["status"] for line in lines if line["event"] == "request.answered"] == [
        200,
        200,
        400,
        200,
        401,
    ]


async def test_a_line_names_the_route_and_not_the_path(api: ConnectClient) -> None:
    with capture_logs() as lines:
        await api.get("/v4/sources/12345")
        await api.get("/at_somebodys_token")

    routes = [line["route"] for line in lines if line["event"] == "request.answered"]
    assert routes == ["/v4/sources/{source_id}", "other"]


@pytest.fixture
async def crashing(aiohttp_client: AiohttpClient) -> TestClient[Any, Any]:
    async def crash(_: web.Request) -> web.Response:
        raise KeyError("a bug")

    app = web.Application(middlewares=[request_middleware(SystemClock())])
    app.router.add_get("/", crash)
    return await aiohttp_client(TestServer(app))


async def test_a_crash_tells_the_caller_nothing(crashing: TestClient[Any, Any]) -> None:
    with capture_logs() as lines:
        response = await crashing.get("/")

    assert response.status == 500
    assert await response.read() == b'{"message":"Internal Server Error"}'
    assert [line["event"] for line in lines] == ["request.crashed", "request.answered"]
    assert {line["request_id"] for line in lines} == {response.headers["X-Request-Id"]}


async def test_a_traceback_in_the_log_shows_no_values() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CRASH_WITH_A_TOKEN_IN_HAND.format(canary=CANARY),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ},
    )

    _, lines = await program.communicate()

    assert b"the reason" in lines
    assert CANARY.encode() not in lines


def test_every_refusal_has_an_answer() -> None:
    found = {
        thing
        for thing in vars(refusals).values()
        if isinstance(thing, type) and issubclass(thing, refusals.CommandRefused)
    }
    concrete = {refusal for refusal in found if "code" in vars(refusal)}

    assert concrete == set(STATUS_AND_ERROR)


def test_no_two_refusals_share_a_code() -> None:
    codes = [refusal.code for refusal in STATUS_AND_ERROR]

    assert len(codes) == len(set(codes))
