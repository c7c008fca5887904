"""Integrations and their tokens, over the Connect API of a real system."""

import re

from cli.demo.system import System
from tests.cli.made import Made

TOKEN = re.compile(r"at_[0-9A-Za-z]{49}")
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


async def test_create_tells_everything_that_an_app_needs(system: System, name: str) -> None:
    made = await system.asked("integrations", "create", name)

    assert made.keys() == {"id", "client_id", "name", "schema_name", "token"}
    assert made["token"].keys() == {"id", "access_token"}
    assert (made["name"], made["schema_name"]) == (name, name)
    assert TOKEN.fullmatch(made["token"]["access_token"])


async def test_an_integration_is_found_by_each_of_its_names(system: System, name: str) -> None:
    made = await system.asked("integrations", "create", f"{name}!")
    by_id = await system.asked("integrations", "show", str(made["id"]))
    by_schema = await system.asked("integrations", "show", name)
    by_display_name = await system.asked("integrations", "show", f"{name}!")

    assert by_id == by_schema == by_display_name
    assert by_id.keys() == INTEGRATION_KEYS | {"tokens", "tables"}
    assert [token["id"] for token in by_id["tokens"]] == [made["token"]["id"]]


async def test_pause_resume_and_delete_show_in_the_list(system: System, made: Made) -> None:
    states = []
    for command in ("pause", "resume", "delete"):
        changed = await system.asked("integrations", command, str(made.id))
        states.append(changed["state"])
    listed = await system.asked("integrations", "list")
    with_deleted = await system.asked("integrations", "list", "--deleted")

    assert states == ["paused", "active", "deleted"]
    assert made.id not in [one["id"] for one in listed]
    assert made.id in [one["id"] for one in with_deleted]
    assert all(one.keys() == INTEGRATION_KEYS for one in with_deleted)


async def test_a_rotation_goes_from_one_token_to_the_other(system: System, made: Made) -> None:
    begun = await system.asked("tokens", "rotate", made.name)
    during = await system.asked("tokens", "list", made.name)
    finished = await system.asked("tokens", "rotate", made.name, "--finish")
    after = await system.asked("tokens", "list", made.name)

    assert begun.keys() == {"id", "access_token", "old_id"}
    assert begun["old_id"] == made.token_id
    assert [token["id"] for token in during] == [begun["id"], begun["old_id"]]
    assert finished == {"id": begun["id"], "revoked_id": begun["old_id"]}
    assert [token["id"] for token in after] == [begun["id"]]
    assert after[0].keys() == {"id", "created_at"}


async def test_what_cannot_be_rotated_is_said_with_the_way_out(system: System, made: Made) -> None:
    too_early = await system.command("tokens", "rotate", made.name, "--finish")
    await system.asked("tokens", "rotate", made.name)
    third = await system.command("tokens", "rotate", made.name)

    assert (too_early.exit_code, too_early.output) == (1, "")
    assert "no older one to revoke" in too_early.errors
    assert (third.exit_code, third.output) == (1, "")
    assert "Revoke one first" in third.errors
    assert len(await system.asked("tokens", "list", str(made.id))) == 2


async def test_a_token_is_revoked_by_its_number_alone(system: System, made: Made) -> None:
    second = await system.asked("tokens", "generate", made.name)
    revoked = await system.asked("tokens", "revoke", str(second["id"]))
    again = await system.command("tokens", "revoke", str(second["id"]))

    assert second.keys() == {"id", "access_token"}
    assert revoked == {"id": second["id"], "integration_id": made.id}
    assert again.exit_code == 1
    assert f"No active token of this account has the id {second['id']}" in again.errors


async def test_a_name_that_cannot_be_a_schema_is_refused(system: System) -> None:
    for impossible in ("####", "public", "pg_x"):
        command = await system.command("integrations", "create", impossible)

        assert (command.exit_code, command.output) == (1, "")
        assert f"invalid name after deriving it from display_name ({impossible}" in command.errors


async def test_the_text_of_a_token_tells_what_it_is(system: System, made: Made) -> None:
    text = made.token
    active = await system.command("tokens", "check", "--json", given=f"{text}\n")
    mangled = await system.command("tokens", "check", "--json", given=text[:-1] + "-")
    await system.asked("integrations", "pause", made.name)
    paused = await system.command("tokens", "check", "--json", given=text)
    await system.asked("tokens", "revoke", str(made.token_id))
    revoked = await system.command("tokens", "check", "--json", given=text)

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
