from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from yarl import URL

from tests.history.appending import accept, small_history, token_hash, unguarded
from tests.history.conftest import Client, Database


async def document(client: Client, path: str) -> Any:
    async with client.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def receipts(client: Client, token_id: int) -> list[Any]:
    async with client.get(f"/tokens/{token_id}/receipts") as answer:
        assert answer.status == 200, await answer.text()
        return [json.loads(line) for line in (await answer.text()).splitlines()]


@pytest.mark.parametrize("how", ["/tokens/1", f"/tokens/by-hash/{token_hash(1)}"])
async def test_a_revoked_token_has_both_its_facts(
    how: str, client: Client, database: Database
) -> None:
    await small_history(database)
    token = await document(client, how)

    assert (token["token_id"], token["integration_id"], token["schema_name"]) == (1, 1, "shop_1")
    assert (token["generated"]["number"], token["generated"]["actor"]) == (3, "connect-token/9")
    assert (token["revoked"]["number"], token["revoked"]["actor"]) == (5, "system")


async def test_an_active_token_is_not_revoked(client: Client, database: Database) -> None:
    await small_history(database)

    assert (await document(client, "/tokens/2"))["revoked"] is None


@pytest.mark.parametrize(
    "path", ["/tokens/7", f"/tokens/by-hash/{sha256(b'no token').hexdigest()}", "/tokens/0"]
)
async def test_what_never_was_a_token_is_not_found(
    path: str, client: Client, database: Database
) -> None:
    await small_history(database)
    async with client.get(path) as answer:
        assert answer.status == 404


async def test_every_receipt_of_a_token_is_there_in_order(
    client: Client, database: Database
) -> None:
    await small_history(database)
    await accept(database, token_id=2, count=3)
    await accept(database, token_id=1, count=1)
    await accept(database, token_id=2, count=1)
    found = await receipts(client, 2)

    assert [entry["receipt"]["number"] for entry in found] == [1, 2, 3, 5]
    assert [table["table"] for table in found[0]["tables"]] == ["orders", 'späte "Waren"']


async def test_a_table_is_waiting_failed_or_loaded(client: Client, database: Database) -> None:
    await small_history(database)
    await accept(database, token_id=2)
    await database.execute(
        """
        INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name, records,
                                     bytes, received_at, failed_at, reason)
        SELECT batch_id, 1, number, 1, 'späte "Waren"', 1, 1, received_at, now(), 'it is too late'
          FROM journal.receipts
        """
    )
    [entry] = await receipts(client, 2)

    assert [(table["state"], table["reason"]) for table in entry["tables"]] == [
        ("loaded", None),
        ("failed", "it is too late"),
    ]


async def test_receipts_of_one_moment_are_all_named(client: Client, database: Database) -> None:
    await small_history(database)
    await accept(database, token_id=2, count=3)
    moment = await database.fetchval("SELECT received_at FROM journal.receipts WHERE number = 2")
    async with unguarded(database, "journal.receipts"):
        await database.execute(
            "UPDATE journal.receipts SET received_at = $1 WHERE number = 3", moment
        )
    query = f"schema=shop_1&moment={moment:%Y-%m-%dT%H:%M:%S.%fZ}"
    found = await document(client, f"/receipts/at?{query}")

    assert [receipt["number"] for receipt in found] == [2, 3]


@pytest.mark.parametrize(
    "path", ["0", "-1", "99", "2147483647", "2147483648", "9" * 20, "0/receipts", "-1/receipts"]
)
async def test_a_number_that_no_token_has_is_not_found(path: str, client: Client) -> None:
    async with client.get(f"/tokens/{path}") as answer:
        assert answer.status == 404
        assert "no such token" in (await answer.json())["message"]


@pytest.mark.parametrize("query", ["", "schema=shop_1", "schema=shop_1&moment=noon", "moment=now"])
async def test_a_moment_without_schema_or_time_is_refused(query: str, client: Client) -> None:
    async with client.get(f"/receipts/at?{query}") as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "query",
    [
        "schema=shop_1&moment=9999-12-31T23:59:59-23:00",
        "schema=shop_1&moment=0001-01-01T00:00:00%2B01:00",
        "schema=a%00b&moment=2026-01-01",
    ],
)
async def test_what_the_database_has_no_value_for_is_refused(query: str, client: Client) -> None:
    async with client.get(URL(f"/receipts/at?{query}", encoded=True)) as answer:
        assert answer.status == 400
