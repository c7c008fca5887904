"""Integrations and their tokens, over the Connect API of a real system."""

from __future__ import annotations

import re

import aiohttp
from asyncpg import Connection, Record

from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made
from tests.eventually import eventually

TOKEN = re.compile(r"at_[0-9A-Za-z]{49}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
INTEGRATION_KEYS = {
    "id",
    "client_id",
    "name",
    "schema_name",
    "state",
    "paused_at",
    "created_at",
    "updated_at",
    "deleted_at",
}


async def test_create_tells_everything_that_an_app_needs(
    system: TemporaryInstallation, name: str
) -> None:
    made = await system.run_json("integrations", "create", name)

    assert made.keys() == {"id", "client_id", "name", "schema_name", "token"}
    assert made["token"].keys() == {"id", "access_token"}
    assert (made["name"], made["schema_name"]) == (name, name)
    assert TOKEN.fullmatch(made["token"]["access_token"])


async def test_an_integration_is_found_by_each_of_its_names(
    system: TemporaryInstallation, name: str
) -> None:
    made = await system.run_json("integrations", "create", f"{name}!")
    by_id = await system.run_json("integrations", "show", str(made["id"]))
    by_schema = await system.run_json("integrations", "show", name)
    by_display_name = await system.run_json("integrations", "show", f"{name}!")

    assert by_id == by_schema == by_display_name
    assert by_id.keys() == INTEGRATION_KEYS | {"tokens", "tables"}
    assert [token["id"] for token in by_id["tokens"]] == [made["token"]["id"]]


async def test_pause_resume_and_delete_show_in_the_list(
    system: TemporaryInstallation, made: Made
) -> None:
    states = []
    for command in ("pause", "resume", "delete"):
        changed = await system.run_json("integrations", command, str(made.id))
        states.append(changed["state"])
    listed = await system.run_json("integrations", "list")
    with_deleted = await system.run_json("integrations", "list", "--deleted")

    assert states == ["paused", "active", "deleted"]
    assert made.id not in [one["id"] for one in listed]
    assert made.id in [one["id"] for one in with_deleted]
    assert all(one.keys() == INTEGRATION_KEYS for one in with_deleted)


async def test_a_rotation_goes_from_one_token_to_the_other(
    system: TemporaryInstallation, made: Made
) -> None:
    begun = await system.run_json("tokens", "rotate", made.name)
    during = await system.run_json("tokens", "list", made.name)
    finished = await system.run_json("tokens", "rotate", made.name, "--finish")
    after = await system.run_json("tokens", "list", made.name)

    assert begun.keys() == {"id", "access_token", "old_id"}
    assert begun["old_id"] == made.token_id
    assert [token["id"] for token in during] == [begun["id"], begun["old_id"]]
    assert finished == {"id": begun["id"], "revoked_id": begun["old_id"]}
    assert [token["id"] for token in after] == [begun["id"]]
    assert after[0].keys() == {
        *("id", "label", "created_at"),
        *("first_used_at", "first_peer", "last_used_at", "last_peer"),
    }


async def test_a_label_is_given_with_the_token(system: TemporaryInstallation, made: Made) -> None:
    await system.run_json("tokens", "rotate", made.name, "--label", "the new server")
    await system.run_json("tokens", "rotate", made.name, "--finish")
    await system.run_json("tokens", "generate", made.name, "--label", "the cellar's")
    too_long = await system.run("tokens", "generate", made.name, "--label", "x" * 81)
    listed = await system.run_json("tokens", "list", made.name)

    assert [token["label"] for token in listed] == ["the cellar's", "the new server"]
    assert too_long.exit_code == 1
    assert "at most 80 characters" in too_long.errors


async def test_what_cannot_be_rotated_is_said_with_the_way_out(
    system: TemporaryInstallation, made: Made
) -> None:
    too_early = await system.run("tokens", "rotate", made.name, "--finish")
    await system.run_json("tokens", "rotate", made.name)
    third = await system.run("tokens", "rotate", made.name)

    assert (too_early.exit_code, too_early.output) == (1, "")
    assert "no older one to revoke" in too_early.errors
    assert (third.exit_code, third.output) == (1, "")
    assert "Revoke one first" in third.errors
    assert len(await system.run_json("tokens", "list", str(made.id))) == 2


async def test_a_token_is_revoked_by_its_number_alone(
    system: TemporaryInstallation, made: Made
) -> None:
    second = await system.run_json("tokens", "generate", made.name)
    revoked = await system.run_json("tokens", "revoke", str(second["id"]))
    again = await system.run("tokens", "revoke", str(second["id"]))

    assert second.keys() == {"id", "access_token"}
    assert revoked == {"id": second["id"], "integration_id": made.id}
    assert again.exit_code == 1
    assert f"No active token of this account has the id {second['id']}" in again.errors


async def test_a_name_that_cannot_be_a_schema_is_refused(system: TemporaryInstallation) -> None:
    for impossible in ("####", "public", "pg_x"):
        command = await system.run("integrations", "create", impossible)

        assert (command.exit_code, command.output) == (1, "")
        assert f"invalid name after deriving it from display_name ({impossible}" in command.errors


async def test_the_text_of_a_token_tells_what_it_is(
    system: TemporaryInstallation, made: Made
) -> None:
    text = made.token
    active = await system.run("tokens", "check", "--json", stdin=f"{text}\n")
    mangled = await system.run("tokens", "check", "--json", stdin=text[:-1] + "-")
    await system.run_json("integrations", "pause", made.name)
    paused = await system.run("tokens", "check", "--json", stdin=text)
    await system.run_json("tokens", "revoke", str(made.token_id))
    revoked = await system.run("tokens", "check", "--json", stdin=text)

    assert active.document == {
        "form": "well formed",
        "state": "active",
        "id": made.token_id,
        "integration_id": made.id,
        "schema_name": made.name,
    }
    assert mangled.document["form"] == "mangled"
    assert (paused.document["state"], revoked.document["state"]) == ("paused", "revoked")
    assert [c.exit_code for c in (active, mangled, paused, revoked)] == [0, 1, 1, 1]
    assert not any(TOKEN.search(c.output + c.errors) for c in (active, mangled, paused, revoked))


async def test_whoever_rotated_sees_who_still_uses_the_old_token(
    system: TemporaryInstallation, made: Made, journal: Connection[Record]
) -> None:
    """The journey of a rotation that went wrong, from the first push to what has to be resent."""
    assert (await push_one(system, made.token)) == 201
    rotated = await system.run_json("tokens", "rotate", made.name)
    await system.run_json("tokens", "rotate", made.name, "--finish")
    assert (await push_one(system, made.token)) == 401
    assert (await push_one(system, rotated["access_token"])) == 201

    async def written() -> bool:
        return bool(
            await journal.fetchval(
                "SELECT EXISTS (SELECT FROM journal.token_use WHERE token_id = $1)"
                "   AND EXISTS (SELECT FROM journal.refusals WHERE token_id = $2)",
                rotated["id"],
                made.token_id,
            )
        )

    await eventually(written)
    listed = await system.run("tokens", "list", made.name, "--json")
    refused = await system.run_json("refusals", "--since", "1h", "--integration", made.name)
    told = await system.run("refusals", "--integration", made.name)

    (active,) = listed.document
    assert (active["id"], active["first_peer"]) == (rotated["id"], "127.0.0.1")
    assert active["first_used_at"] == active["last_used_at"]
    times = [active["created_at"], active["first_used_at"], refused[0]["last_at"]]
    assert all(TIME.fullmatch(time) for time in times), times
    assert f"token {made.token_id} is revoked but still used" in listed.errors
    assert [
        (row["reason"], row["integration_id"], row["schema_name"], row["token_id"], row["requests"])
        for row in refused
    ] == [("token_revoked", made.id, made.name, made.token_id, 1)]
    assert "token_revoked" in told.output
    assert made.token not in listed.output + listed.errors + told.output


async def test_what_was_refused_before_is_not_listed(
    system: TemporaryInstallation, made: Made
) -> None:
    assert (
        await system.run_json("refusals", "--since", "2999-01-01", "--integration", made.name) == []
    )
    assert (await system.run("refusals", "--since", "soon")).exit_code == 2
    assert (await system.run("refusals", "--integration", "nobody")).exit_code == 1


async def push_one(system: TemporaryInstallation, token: str) -> int:
    record = {
        "client_id": system.installation.client_id(),
        "table_name": "t",
        "key_names": ["id"],
        "action": "upsert",
        "sequence": 1,
        "data": {"id": 1},
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{system.installation.import_url()}/v2/import/push",
            json=[record],
            headers={"Authorization": f"Bearer {token}"},
        ) as answer,
    ):
        return answer.status
