from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from structlog.testing import capture_logs

from events.merkle import leaf_hash, root_of
from events.types import ConnectTokenRevoked, IntegrationRenamed
from tests.history.appending import append, connect_token_generated, rename, small_history
from tests.history.auditor import AUDITOR
from tests.history.conftest import Client, Database


async def numbers(client: Client, path: str) -> list[int]:
    async with client.get(path) as answer:
        assert answer.status == 200
        return [number_of(line) for line in (await answer.text()).splitlines()]


def number_of(line: str) -> int:
    return int(json.loads(line)["sequence"])


async def test_each_line_is_the_stored_text(client: Client, database: Database) -> None:
    await small_history(database)
    async with client.get("/events") as answer:
        body = await answer.read()
    rows = await database.fetch("SELECT record::text, leaf_hash FROM ledger.event ORDER BY number")

    assert body == b"".join(row["record"].encode() + b"\n" for row in rows)
    assert [leaf_hash(line) for line in body.splitlines()] == [row["leaf_hash"] for row in rows]


async def test_a_name_with_every_hard_character_keeps_its_text(
    client: Client, database: Database
) -> None:
    await small_history(database)
    hard = "".join(map(chr, [*range(1, 0x300), 0x2028, 0x1F512, 0xFFFD])) + '\\."\\n'
    await append(database, "integration/1", [IntegrationRenamed(display_name=hard)])
    async with client.get("/events", params={"after": "6"}) as answer:
        body = await answer.read()
    [row] = await database.fetch(
        "SELECT record::text, leaf_hash FROM ledger.event WHERE number = 7"
    )

    assert body == row["record"].encode() + b"\n"
    assert leaf_hash(body[:-1]) == row["leaf_hash"]
    assert json.loads(body)["data"]["display_name"] == hard


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("?after=3", [4, 5, 6]),
        ("?after=6", []),
        ("?after=99", []),
        ("?until=1", [0, 1]),
        ("?after=1&limit=2", [2, 3]),
        ("?type=TokenGenerated", [3, 4]),
        ("?type=TokenGenerated&type=TokenRevoked", [3, 4, 5]),
        ("?actor=connect-token/9", [3, 4]),
        ("?subject=integration/1&type=IntegrationRenamed", [6]),
        ("?subject=integration/1&limit=1", [2]),
        ("?to=2000-01-01", []),
        ("?from=2000-01-01&limit=1", [0]),
        ("?type=TokenGenerated&actor=connect-token/9&subject=integration/1&after=3&until=9", [4]),
        ("?type=TokenGenerated&actor=system", []),
        ("?type=TokenGenerated&from=2000-01-01&to=2999-01-01&limit=1", [3]),
        ("?after=5&until=2", []),
        ("?type=%27%3BDROP", []),
    ],
)
async def test_filters_choose_lines(
    query: str, expected: list[int], client: Client, database: Database
) -> None:
    await small_history(database)

    assert await numbers(client, f"/events{query}") == expected


async def test_a_time_means_the_same_as_the_number_before_it(
    client: Client, database: Database
) -> None:
    await small_history(database)
    moment = await database.fetchval("SELECT recorded_at FROM ledger.event WHERE number = 3")

    assert await numbers(client, f"/events?from={moment:%Y-%m-%dT%H:%M:%S.%fZ}") == [3, 4, 5, 6]
    assert await numbers(client, f"/events?to={moment:%Y-%m-%dT%H:%M:%S.%fZ}") == [0, 1, 2]


async def test_a_page_tells_how_far_it_has_looked(client: Client, database: Database) -> None:
    await small_history(database)
    full = await client.get("/events?type=TokenGenerated&limit=1")
    rest = await client.get("/events?type=TokenGenerated&after=3&limit=9")

    assert full.headers["Pushgate-Scanned-To"] == "3"
    assert rest.headers["Pushgate-Scanned-To"] == "6"
    assert rest.headers["Pushgate-Log-Size"] == "7"


@pytest.mark.parametrize("query", ["after=1000", "after=1000&limit=5", "after=6&limit=5"])
async def test_nothing_is_beyond_the_end(query: str, client: Client, database: Database) -> None:
    """A place of a longer log, before a restore: the reader learns where this one ends."""
    await small_history(database)
    async with client.get(f"/events?{query}") as answer:
        assert (answer.status, await answer.text()) == (200, "")
        assert answer.headers["Pushgate-Scanned-To"] == "6"


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=-2",
        "after=99999999999999999999",
        "limit=0",
        "limit=10001",
        "limit=-1",
        "limit=1_0",
        "limit=%2B5",
        "limit=%D9%A3",
        "from=2030-01-01&to=2020-01-01",
        "from=yesterday",
        "to=9999-12-31T23:59:59-23:00",
        "to=9999-12-31T23:59:59-23:00&limit=1",
        "typ=TokenGenerated",
        "after=1&after=2",
        "actor=%00",
        "subject=" + "x" * 201,
    ],
)
async def test_a_question_that_cannot_be_is_refused(query: str, client: Client) -> None:
    async with client.get(f"/events?{query}") as answer:
        assert answer.status == 400
        assert (await answer.json())["message"]


async def test_a_wrong_method_is_told_the_right_one(client: Client) -> None:
    async with client.post("/events") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    async with client.get("/receipts/seal") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_what_takes_no_parameter_says_so(client: Client) -> None:
    async with client.get("/log/checkpoint?after=1") as answer:
        assert answer.status == 400
        assert (await answer.json())["message"] == "unknown parameter after; none is allowed"


PATHS = [
    "/events",
    "/events/stream",
    "/log/checkpoint",
    "/log/checkpoints",
    "/log/keys",
    "/log/tile/0/000",
    "/log/tile/entries/000",
    "/log/proof/0",
    "/receipts",
    "/nowhere",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nobody", "Basic YTpi", "Bearer \xff"])
async def test_nobody_reads_without_a_connect_token(path: str, header: str, client: Client) -> None:
    async with client.get(path, headers={"Authorization": header}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", PATHS)
async def test_two_authorization_headers_are_refused(path: str, client: Client) -> None:
    headers = [("Authorization", f"Bearer {AUDITOR}")] * 2
    async with client.get(path, headers=headers) as answer:
        assert answer.status == 400
        assert await answer.json() == {"message": "Send exactly one Authorization header."}


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_in_the_url_is_refused_even_if_the_header_is_right(
    path: str, client: Client
) -> None:
    with capture_logs() as logs:
        async with client.get(f"{path}?token=ac_{'a' * 49}") as answer:
            assert answer.status == 400
            assert "revoke this one" in (await answer.json())["message"]

    assert "aaaaaaaa" not in str(logs)


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("auditor", 200), ("member", 403)])
async def test_owners_and_auditors_read(
    role: Any, status: int, client: Client, database: Database
) -> None:
    await connect_token_generated(database, "ac_other", role=role, connect_token_id=2)
    async with client.get("/events", headers={"Authorization": "Bearer ac_other"}) as answer:
        assert answer.status == status


async def test_a_revoked_connect_token_reads_no_more(client: Client, database: Database) -> None:
    await append(database, "account/1", [ConnectTokenRevoked(connect_token_id=1)])

    async with client.get("/events") as answer:
        assert answer.status == 401


async def test_a_large_log_is_read_whole(client: Client, database: Database) -> None:
    await small_history(database)
    for _ in range(4):
        await rename(database, 500)
    async with client.get("/events") as answer:
        lines = (await answer.read()).splitlines()
    hashes = await database.fetch("SELECT leaf_hash FROM ledger.event ORDER BY number")

    assert len(lines) == 2007
    assert root_of([*map(leaf_hash, lines)]) == root_of([row["leaf_hash"] for row in hashes])


async def test_every_access_is_recorded(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as logs:
        await (await client.get("/events?type=AccountOpened")).read()
        await (await client.get("/events", headers={"Authorization": "Bearer nobody"})).read()
    read = [entry for entry in logs if entry["event"] == "history.accessed"]

    assert [(entry["status"], entry["connect_token_id"]) for entry in read] == [
        (200, 1),
        (401, None),
    ]
    assert read[0]["query"] == "type=AccountOpened"
    assert sha256(b"ac_auditor").hexdigest() not in str(logs)
    assert "ac_auditor" not in str(logs) + capsys.readouterr().err
