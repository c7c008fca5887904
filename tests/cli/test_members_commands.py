"""Members, from the command line, and what it prints for a person's browser."""

import aiohttp

from cli.temporary_installation import TemporaryInstallation


async def test_an_invited_member_can_open_the_link(system: TemporaryInstallation) -> None:
    made = await system.run_json("members", "invite", "Ada@Example.com", "--role", "owner")
    async with (
        aiohttp.ClientSession(headers={"Accept": "text/html"}) as session,
        session.get(made["link"]) as answer,
    ):
        page = await answer.text()

    assert made.keys() == {"id", "link", "expires_at"}
    assert answer.status == 200
    assert 'value="ada@example.com"' in page


async def test_a_member_is_named_by_address_or_number(system: TemporaryInstallation) -> None:
    other = await system.run_json("accounts", "create", "Members' own")
    whose = ("--client-id", str(other["client_id"]))
    owner = await system.run_json("members", "invite", *whose, "--role", "owner")
    auditor = await system.run_json(
        "members", "invite", "bob@example.com", *whose, "--role", "auditor"
    )
    await system.run_json("members", "role", "Bob@example.com", "member", *whose)
    link = await system.run_json("members", "link", str(owner["id"]), *whose)
    listed = await system.run_json("members", "list", *whose)

    assert [(one["id"], one["email"], one["role"]) for one in listed] == [
        (owner["id"], None, "owner"),
        (auditor["id"], "bob@example.com", "member"),
    ]
    assert link["link"] != owner["link"]
    size = (await system.run_json("status"))["size"]
    told = await system.run("audit", "diff", listed[0]["added_at"], str(size - 1))
    made = f"made a new one-time link for member {owner['id']} of account {other['client_id']}"
    assert f"system {made}" in told.output


async def test_the_last_owner_stays(system: TemporaryInstallation) -> None:
    other = await system.run_json("accounts", "create", "One owner")
    whose = ("--client-id", str(other["client_id"]))
    owner = await system.run_json("members", "invite", *whose, "--role", "owner")
    refused = await system.run("members", "remove", str(owner["id"]), *whose)

    assert refused.exit_code == 1
    assert "owner" in refused.errors
