"""Acceptance: the live tables are what the log says, and a hand-made change is found and named."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cli.temporary_installation import TemporaryInstallation
from services.runtime.database import connect
from tests.cli.made import Made

REPLAY_KEYS = {
    "size",
    "match",
    "only_in_fold",
    "only_in_table",
    "receipts_checked",
    "receipts_outside",
}


@contextlib.asynccontextmanager
async def as_owner(
    system: TemporaryInstallation,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await connect(system.installation.database_url(), application_name="test")
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def changed_by_hand(
    system: TemporaryInstallation, change: str, back: str, *values: int
) -> AsyncIterator[None]:
    async with as_owner(system) as owner:
        await owner.execute(change, *values)
        try:
            yield
        finally:
            await owner.execute(back, *values)


@pytest.mark.usefixtures("made")
async def test_replay_finds_no_difference_in_a_system_at_work(
    system: TemporaryInstallation,
) -> None:
    replay = await system.run_json("audit", "replay")

    assert replay.keys() == REPLAY_KEYS
    assert replay["match"] is True
    assert [replay[key] for key in ("only_in_fold", "only_in_table", "receipts_outside")] == [
        []
    ] * 3


async def test_a_token_put_in_by_hand_is_named(system: TemporaryInstallation) -> None:
    async with changed_by_hand(
        system,
        """
        INSERT INTO tokens.active_tokens
        VALUES (sha256($1::int4::text::bytea), $1, 'fake', 1, 1, 'x', 'active', now(), 0, 0)
        """,
        "DELETE FROM tokens.active_tokens WHERE token_id = $1",
        999_999,
    ):
        told = await system.run("audit", "replay")
        replay = await system.run("audit", "replay", "--json")

    assert (told.exit_code, replay.exit_code) == (1, 1)
    assert "active_tokens token 999999 is only in the table" in told.output
    assert replay.document["only_in_table"] == [{"table": "active_tokens", "id": "999999"}]
    assert replay.document["match"] is False


async def test_a_token_taken_back_by_hand_is_named_on_both_sides(
    system: TemporaryInstallation, made: Made
) -> None:
    """A paused integration's token that was switched on again differs in its row."""
    await system.run_json("integrations", "pause", made.name)
    token_id = made.token_id
    item = {"table": "active_tokens", "id": str(token_id)}
    async with changed_by_hand(
        system,
        "UPDATE tokens.active_tokens SET state = 'active' WHERE token_id = $1",
        "UPDATE tokens.active_tokens SET state = 'paused' WHERE token_id = $1",
        token_id,
    ):
        replay = (await system.run("audit", "replay", "--json")).document

    assert (replay["only_in_fold"], replay["only_in_table"]) == ([item], [item])


async def test_a_receipt_outside_its_tokens_life_is_named(
    system: TemporaryInstallation, database: asyncpg.Connection[asyncpg.Record], database_url: str
) -> None:
    """In a database of its own: not even the owner could take the receipt back."""
    await database.execute(
        """
        INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables, records,
                                      bytes, body_sha256, received_at, log_size)
        VALUES ('00000000-0000-7000-8000-000000000001', 1, 77, 'push', '{t}', 1, 1, sha256(''),
                now(), 1)
        """
    )
    elsewhere = {"PUSHGATE_DATABASE_URL": database_url}
    told = await system.run("audit", "replay", **elsewhere)
    replay = await system.run("audit", "replay", "--json", **elsewhere)

    assert (told.exit_code, replay.exit_code) == (1, 1)
    assert "token 77) was admitted at log size 1, when its token could not write" in told.output
    assert replay.document["receipts_outside"] == [
        {"table": "receipts", "id": "00000000-0000-7000-8000-000000000001"}
    ]


async def test_as_of_tells_who_could_write_then(system: TemporaryInstallation, name: str) -> None:
    before = (await system.run_json("status"))["size"] - 1
    made = await system.run_json("integrations", "create", name)
    created = (await system.run_json("status"))["size"] - 1
    await system.run_json("integrations", "pause", name)
    then, while_active, now = [
        await system.run_json("audit", "as-of", str(number))
        for number in (before, created, created + 1)
    ]
    token_id = made["token"]["id"]

    assert while_active.keys() == {"number", "time", "tokens"}
    assert [t for t in while_active["tokens"] if t["token_id"] == token_id] == [
        {
            "token_id": token_id,
            "integration_id": made["id"],
            "schema_name": made["schema_name"],
            "generated_number": created,
        }
    ]
    assert token_id not in [t["token_id"] for t in then["tokens"] + now["tokens"]]


@pytest.mark.usefixtures("made")
async def test_a_time_and_the_number_it_falls_on_tell_the_same(
    system: TemporaryInstallation,
) -> None:
    number = (await system.run_json("status"))["size"] - 1
    by_number = await system.run_json("audit", "as-of", str(number))
    by_time = await system.run_json("audit", "as-of", by_number["time"])
    first_of_all = await system.run_json("audit", "as-of", "2020-01-01")

    assert by_time == by_number
    assert first_of_all == {"number": -1, "time": "2020-01-01T00:00:00Z", "tokens": []}


async def test_what_is_no_moment_is_refused(system: TemporaryInstallation) -> None:
    beyond = await system.run("audit", "as-of", "1000000")
    nonsense = await system.run("audit", "as-of", "yesterday")

    assert (beyond.exit_code, nonsense.exit_code) == (1, 1)
    assert "There is no event 1000000" in beyond.errors
    assert "neither a number nor a time" in nonsense.errors


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (("source", "web_shop.", "1"), "Name the table with its schema"),
        (("source", ".orders", "1"), "Name the table with its schema"),
        (("source", "pg_catalog.pg_class", "1"), "was not loaded by Pushgate"),
        (("verify", "--memory", "/dev/null"), "/dev/null cannot be used"),
        (("verify", "--key", "k" * 300), "File name too long"),
    ],
)
async def test_what_cannot_be_is_one_sentence(
    asked: tuple[str, ...], sentence: str, system: TemporaryInstallation
) -> None:
    answer = await system.run("audit", *asked)

    assert (answer.exit_code, answer.output) == (1, "")
    assert sentence in answer.errors
    assert len(answer.errors.splitlines()) == 1
