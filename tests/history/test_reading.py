"""What people read: sentences, and the log as it grows."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from audit.errors import AuditFailed
from audit.event_log import active_tokens, bounds, require_exists, require_order
from audit.history_client import Unavailable
from cli.audit.log import format_event
from cli.audit.point_argument import parse_point
from cli.errors import CommandFailed
from cli.history_api import history_api
from cli.installation import Installation
from events.catalogue import CLASS_OF
from events.sentences import what_happened
from tests.history.appending import rename, small_history
from tests.history.auditor import AUDITOR
from tests.history.conftest import Client, Database


def target_of(history: Client | TestServer) -> Installation:
    url = str(history.make_url("/")).rstrip("/")
    return Installation(
        data_dir=Path(),
        environ={"PUSHGATE_HISTORY_URL": url, "PUSHGATE_CONNECT_TOKEN": AUDITOR},
    )


DATA: dict[str, dict[str, Any]] = {
    "AccountOpened": {"account_id": 7},
    "ConnectTokenGenerated": {
        "connect_token_id": 3,
        "token_hash": "0" * 64,
        "last_four": "wxyz",
        "role": "auditor",
    },
    "ConnectTokenRevoked": {"connect_token_id": 3},
    "MemberAdded": {"member_id": 4, "role": "owner"},
    "MemberRoleChanged": {"member_id": 4, "role": "member"},
    "MemberRemoved": {"member_id": 4},
    "MemberLinkMade": {"member_id": 4},
    "IntegrationCreated": {
        "integration_id": 12,
        "account_id": 7,
        "display_name": "Shop",
        "schema_name": "shop",
    },
    "IntegrationRenamed": {"display_name": "Shop 2"},
    "IntegrationPaused": {"paused_at": "2026-11-23T12:00:00Z"},
    "IntegrationResumed": {},
    "IntegrationDeleted": {},
    "TokenGenerated": {"token_id": 5, "token_hash": "0" * 64, "last_four": "abcd"},
    "TokenRevoked": {"token_id": 5},
    "ReceiptsSealed": {"first": 1, "last": 9, "count": 8, "root": "0" * 64},
    "LogRestored": {"old_origin": "pushgate/x", "old_size": 9, "old_root": "0" * 64},
}


def event(kind: str, data: dict[str, Any], number: int = 4) -> dict[str, Any]:
    return {
        "sequence": f"{number:020d}",
        "time": "2026-11-23T12:00:00.000001Z",
        "type": kind,
        "subject": "integration/12",
        "actor": "connect-token/9",
        "data": data,
    }


def test_a_sentence_tells_who_did_what_when() -> None:
    assert format_event(event("TokenGenerated", DATA["TokenGenerated"])) == (
        "#4 2026-11-23 12:00:00 connect-token/9 generated token 5 (…abcd) for integration 12"
    )


@pytest.mark.parametrize("kind", CLASS_OF)
def test_every_fact_has_a_sentence_of_its_own(kind: str) -> None:
    assert "recorded" not in what_happened(kind, DATA[kind], "integration/12")


def test_a_fact_of_a_later_version_is_named_at_least() -> None:
    assert (
        what_happened("TokenFrozen", {}, "integration/12")
        == "recorded TokenFrozen in integration/12"
    )


def test_the_reader_says_what_a_thing_is_called() -> None:
    sentence = what_happened("TokenRevoked", DATA["TokenRevoked"], "integration/12", subject="Shop")

    assert sentence == "revoked token 5 of Shop"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], ([], "not created yet")),
        (["IntegrationCreated"], ([], "active")),
        (["IntegrationCreated", "TokenGenerated"], ([5], "active")),
        (["IntegrationCreated", "TokenGenerated", "TokenRevoked"], ([], "active")),
        (["IntegrationCreated", "TokenGenerated", "IntegrationPaused"], ([5], "paused")),
        (["IntegrationCreated", "IntegrationPaused", "IntegrationResumed"], ([], "active")),
        (["IntegrationCreated", "IntegrationRenamed", "IntegrationDeleted"], ([], "deleted")),
    ],
)
def test_who_could_write_is_folded_from_the_integrations_own_facts(
    kinds: list[str], expected: tuple[list[int], str]
) -> None:
    tokens, state = active_tokens([event(kind, DATA[kind]) for kind in kinds])

    assert ([token["token_id"] for token in tokens], state) == expected


def test_a_moment_that_is_neither_time_nor_number_is_refused() -> None:
    with pytest.raises(CommandFailed, match="neither"):
        parse_point("tomorrow")


@pytest.mark.parametrize(("start", "end"), [("5", "3"), ("1", "0"), ("0", "-1")])
def test_a_start_after_the_end_is_refused(start: str, end: str) -> None:
    with pytest.raises(AuditFailed, match="is after"):
        bounds(parse_point(start), parse_point(end))


@pytest.mark.parametrize(
    "limits", [{"until": 7}, {"after": 7, "until": 9}, {"after": 7, "to": "2999-01-01"}]
)
async def test_a_number_that_is_not_there_yet_is_refused(
    limits: dict[str, str | int], client: Client, database: Database
) -> None:
    await small_history(database)
    async with history_api(target_of(client)) as api:
        await require_exists(api, {"after": -1, "until": 6})

        with pytest.raises(AuditFailed, match="from 0 to 6"):
            await require_exists(api, limits)


async def test_a_time_and_a_number_the_wrong_way_round_are_refused(
    client: Client, database: Database
) -> None:
    """It would look as if nothing had changed in between."""
    await small_history(database)
    async with history_api(target_of(client)) as api:
        for start, end in [("2020-01-01", "5"), ("5", "2999-01-01"), ("-1", "2020-01-01")]:
            await require_order(api, parse_point(start), parse_point(end))

        with pytest.raises(AuditFailed, match="5 is after 2020-01-01"):
            await require_order(api, 5, parse_point("2020-01-01"))
        with pytest.raises(AuditFailed, match="2999-01-01T00:00:00Z is after 0"):
            await require_order(api, parse_point("2999-01-01"), 0)


def test_from_is_not_included_and_to_is() -> None:
    since, until = bounds(parse_point("2026-11-23T12:00:00Z"), parse_point("2026-11-23T13:00:00Z"))

    assert since == {"from": "2026-11-23T12:00:00.000001+00:00"}
    assert until == {"to": "2026-11-23T13:00:00.000001+00:00"}
    assert bounds(-1, 7) == ({"after": -1}, {"until": 7})


def test_the_calendar_ends_where_it_ends() -> None:
    last = parse_point("9999-12-31T23:59:59.999999Z")
    since, until = bounds(last, last)

    assert since == {"from": "9999-12-31T23:59:59.999999+00:00"}
    assert until == {"to": "9999-12-31T23:59:59.999999+00:00"}


async def following(client: Client, after: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "audit", "follow", "--after", str(after), "--json"),
        env={**os.environ, **target_of(client).environ},
        stdout=PIPE,
        stderr=PIPE,
    )


async def test_following_ends_when_it_would_be_refused_for_ever(client: Client) -> None:
    process = await following(client, -5)
    async with asyncio.timeout(30):
        output, errors = await process.communicate()

    assert (process.returncode, output) == (1, b"")
    assert "refused with 400: after must be between" in errors.decode()
    assert "Reconnecting" not in errors.decode()


async def test_a_connection_that_died_without_a_word_is_given_up(
    aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that lives is never silent for so long; `audit follow` connects again."""
    monkeypatch.setattr("audit.history_client.STREAM_IDLE_SECONDS_MAX", 0.2)
    ended = asyncio.Event()

    async def say_nothing_more(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"id: 3\ndata: {}\n\n")
        await ended.wait()
        return answer

    app = web.Application()
    app.router.add_get("/events/stream", say_nothing_more)
    server = await aiohttp_server(app)
    async with history_api(target_of(server)) as api:
        events = api.follow_events(-1, {})
        first = await anext(events)
        with pytest.raises(Unavailable):
            await anext(events)
    ended.set()

    assert first == (3, "{}")


async def test_following_shows_what_is_there_and_what_comes(
    client: Client, database: Database
) -> None:
    await small_history(database)
    process = await following(client, 4)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        before = [json.loads(await process.stdout.readline()) for _ in range(2)]
        await rename(database, 1)
        after = json.loads(await process.stdout.readline())
    process.kill()
    await process.wait()

    assert [int(one["sequence"]) for one in (*before, after)] == [5, 6, 7]
