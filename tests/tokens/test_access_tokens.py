"""Access tokens of the Connect API: E11 to E13, cases TK-* of the wire contract 7.7."""

from __future__ import annotations

import re

import pytest
from asyncpg import Pool, Record

from protocol.token_text import TokenShape, recognise_token, token_hash
from tests.tokens.connect_client import ConnectClient
from tests.tokens.test_sources import TIMES, assert_refused


async def test_tk_01_a_token_is_generated_and_shown(api: ConnectClient) -> None:
    source_id = await api.new_source()

    answer = await api.post(f"/v4/sources/{source_id}/tokens")

    assert answer.status == 200
    assert re.fullmatch(r'\{"id":\d+,"access_token":"at_[0-9A-Za-z]{49}"\}', answer.body.decode())
    assert recognise_token(answer.json["access_token"], "at_") is TokenShape.WELL_FORMED
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b"not JSON", b'{"name":"x"}'])
async def test_e11_takes_no_body_and_looks_into_none(
    api: ConnectClient, connections: Pool[Record], body: bytes
) -> None:
    source_id = await api.new_source()

    answer = await api.post(f"/v4/sources/{source_id}/tokens", body)

    assert answer.status == 200
    assert await connections.fetch("SELECT * FROM tokens.token_labels") == []


async def test_a_label_can_be_given_with_the_token(
    api: ConnectClient, connections: Pool[Record]
) -> None:
    source_id = await api.new_source()

    answer = await api.post(f"/v4/sources/{source_id}/tokens", {"label": "the old server"})

    labels = await connections.fetch("SELECT token_id, label FROM tokens.token_labels")
    assert [tuple(row) for row in labels] == [(answer.json["id"], "the old server")]


@pytest.mark.parametrize("label", ["x" * 81, "two\nlines", " ", 7, None])
async def test_a_token_is_not_generated_with_an_unfit_label(
    api: ConnectClient, label: object
) -> None:
    source_id = await api.new_source()

    answer = await api.post(f"/v4/sources/{source_id}/tokens", {"label": label})

    message = "A token label must be at most 80 characters on one line, and not a token itself."
    assert_refused(answer, "InvalidLabel", message)
    assert (await api.get(f"/v4/sources/{source_id}/tokens")).json == []


async def test_tk_03_a_second_token_is_newer(api: ConnectClient) -> None:
    source_id = await api.new_source()

    first = await api.new_token(source_id)
    second = await api.new_token(source_id)

    assert second > first


async def test_s15_a_third_token_is_refused(api: ConnectClient) -> None:
    source_id = await api.new_source()
    await api.new_token(source_id)
    await api.new_token(source_id)

    answer = await api.post(f"/v4/sources/{source_id}/tokens")

    message = f"source already has the maximum of 2 active access tokens ({source_id})"
    assert_refused(answer, "TokenLimitReached", message)


async def test_e12_active_tokens_are_listed_newest_first(api: ConnectClient) -> None:
    source_id = await api.new_source()
    first, second = await api.new_token(source_id), await api.new_token(source_id)

    answer = await api.get(f"/v4/sources/{source_id}/tokens")

    assert answer.status == 200
    assert TIMES.sub("TIME", answer.body.decode()) == (
        f'[{{"token_id":{second},"created_at":TIME}},{{"token_id":{first},"created_at":TIME}}]'
    )


async def test_tk_06_revoking_answers_the_source(
    api: ConnectClient, connections: Pool[Record]
) -> None:
    source_id = await api.new_source()
    token_id = await api.new_token(source_id)
    generated_at = await connections.fetchval("SELECT max(updated_at) FROM tokens.integrations")

    answer = await api.delete(f"/v4/sources/{source_id}/tokens/{token_id}")

    assert (answer.status, answer.json["id"]) == (200, source_id)
    assert answer.json == (await api.get(f"/v4/sources/{source_id}")).json
    revoked_at = await connections.fetchval("SELECT max(updated_at) FROM tokens.integrations")
    assert revoked_at > generated_at


async def test_tk_07_a_revoked_token_leaves_the_list(api: ConnectClient) -> None:
    source_id = await api.new_source()
    first, second = await api.new_token(source_id), await api.new_token(source_id)
    await api.delete(f"/v4/sources/{source_id}/tokens/{first}")

    answer = await api.get(f"/v4/sources/{source_id}/tokens")

    assert [token["token_id"] for token in answer.json] == [second]


async def test_tk_13_a_source_shows_nothing_of_its_tokens(api: ConnectClient) -> None:
    source_id = await api.new_source()
    token = (await api.post(f"/v4/sources/{source_id}/tokens")).json["access_token"]

    answer = await api.get(f"/v4/sources/{source_id}")

    body = answer.body.decode()
    assert not any(part in body for part in (token, token[3:], token[-4:], token_hash(token).hex()))


@pytest.mark.parametrize("token_id", ["999999", "0", "99999999999999999999", "2147483648"])
async def test_s16_an_unknown_token_is_not_revoked(token_id: str, api: ConnectClient) -> None:
    source_id = await api.new_source()

    answer = await api.delete(f"/v4/sources/{source_id}/tokens/{token_id}")

    assert_refused(answer, "InvalidId", f"token not found ({token_id})")


async def test_s16_a_token_is_revoked_once(api: ConnectClient) -> None:
    source_id = await api.new_source()
    path = f"/v4/sources/{source_id}/tokens/{await api.new_token(source_id)}"
    await api.delete(path)

    answer = await api.delete(path)

    assert_refused(answer, "InvalidId", f"token not found ({path.rpartition('/')[2]})")


async def test_s16_the_token_of_another_source_is_not_revoked(api: ConnectClient) -> None:
    source_id, other_id = await api.new_source("A"), await api.new_source("B")
    token_id = await api.new_token(other_id)

    answer = await api.delete(f"/v4/sources/{source_id}/tokens/{token_id}")

    assert_refused(answer, "InvalidId", f"token not found ({token_id})")
    assert len((await api.get(f"/v4/sources/{other_id}/tokens")).json) == 1


async def test_s14_no_token_for_a_source_that_is_not_there(api: ConnectClient) -> None:
    deleted_id = await api.new_source()
    await api.delete(f"/v4/sources/{deleted_id}")

    unknown = await api.post("/v4/sources/999999/tokens")
    deleted = await api.post(f"/v4/sources/{deleted_id}/tokens")

    assert_refused(unknown, "InvalidId", "source not found (999999)")
    assert_refused(deleted, "InvalidId", f"source not found ({deleted_id})")


async def test_s11_no_token_is_revoked_of_a_source_that_is_not_there(api: ConnectClient) -> None:
    answer = await api.delete("/v4/sources/999999/tokens/1")

    assert_refused(answer, "InvalidId", "source not found (999999)")


async def test_a_body_that_nobody_asked_for_is_ignored(api: ConnectClient) -> None:
    answer = await api.post(f"/v4/sources/{await api.new_source()}/tokens", {"id": 5})

    assert answer.status == 200


async def test_tokens_of_a_deleted_source_are_still_listed(api: ConnectClient) -> None:
    """Deleting revokes none: the source's state is what refuses them."""
    source_id = await api.new_source()
    token_id = await api.new_token(source_id)
    await api.delete(f"/v4/sources/{source_id}")

    answer = await api.get(f"/v4/sources/{source_id}/tokens")

    assert [token["token_id"] for token in answer.json] == [token_id]
