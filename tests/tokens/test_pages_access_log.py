"""Each request for events on the pages writes a log line: who read what, and how much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from asyncpg import Connection, Record
from structlog.testing import capture_logs

from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.data import activity
from tests.tokens.person import Person


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as logs:
        yield logs


def reads(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["event"] == "history.accessed"]


def logged(lines: list[Any]) -> list[tuple[str, str, int | str, int]]:
    return [(line["path"], line["query"], line["status"], line["lines"]) for line in reads(lines)]


async def test_every_reading_of_the_history_is_recorded(
    auditor: Person, use_cases: UseCases, caller: Caller, lines: list[Any]
) -> None:
    made = await use_cases.integrations.create(caller, "Shop", with_token=True)
    page = await auditor.get("/audit?type=IntegrationCreated")
    exported = await auditor.get("/audit/export?type=TokenGenerated")
    await auditor.get("/audit/as-of?moment=2999-01-01T00:00:00")
    await auditor.get("/audit/as-of?moment=never")
    await auditor.get(f"/integrations/{made.integration_id}/activity")

    assert len(exported.text.splitlines()) == 1
    assert logged(lines) == [
        ("/audit", "type=IntegrationCreated", 200, 1),
        ("/audit/export", "type=TokenGenerated", 200, 1),
        ("/audit/as-of", "moment=2999-01-01T00:00:00", 200, 1),
        ("/audit/as-of", "moment=never", 400, 0),
        (f"/integrations/{made.integration_id}/activity", "", 200, 2),
    ]
    await auditor.send(page, "/audit/verify")
    assert logged(lines)[5:] == [("/audit/verify", "", 303, 0), ("/audit", "", 200, 5)]


async def test_the_record_says_who_and_from_where(
    auditor: Person, caller: Caller, database: Connection[Record], lines: list[Any]
) -> None:
    await auditor.get("/audit")
    member_id = await database.fetchval("SELECT member_id FROM tokens.members")
    [read] = reads(lines)

    assert {name: read[name] for name in ("member_id", "account_id", "role", "route", "peer")} == {
        "member_id": member_id,
        "account_id": caller.account_id,
        "role": "auditor",
        "route": "/audit",
        "peer": "127.0.0.1",
    }


async def test_who_may_not_read_is_recorded_as_refused(member: Person, lines: list[Any]) -> None:
    for path in ("/audit", "/audit/export", "/audit/as-of"):
        assert (await member.get(path)).status == 403

    assert [(line["role"], line["status"], line["lines"]) for line in reads(lines)] == [
        ("member", "refused", 0)
    ] * 3


async def test_an_export_that_is_cut_off_is_recorded(
    auditor: Person, monkeypatch: pytest.MonkeyPatch, lines: list[Any]
) -> None:
    monkeypatch.setattr(activity, "EXPORT_SECONDS_MAX", 0.0)
    with pytest.raises(aiohttp.ClientError):
        await auditor.get("/audit/export")

    assert logged(lines) == [("/audit/export", "", "cut off", 0)]
