"""The People page: invite, change roles, remove; who may do it, and the events it appends."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from asyncpg import Connection, Record

from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.use_cases import UseCases
from tests.tokens.conftest import PASSWORD, Join
from tests.tokens.person import Person, Seen

Browsers = Callable[[], Person]


async def invited(owner: Person, email: str, role: str) -> Seen:
    return await owner.send(await owner.get("/people"), "/people/invite", email=email, role=role)


async def facts_of(database: Connection[Record]) -> list[tuple[str, str, object]]:
    rows = await database.fetch(
        "SELECT type, actor, record -> 'data' AS data FROM ledger.event"
        " WHERE type LIKE 'Member%' ORDER BY number"
    )
    return [(row["type"], row["actor"], orjson.loads(row["data"])) for row in rows]


async def test_an_owner_invites_by_a_link_that_is_handed_over(
    owner: Person, browsers: Browsers
) -> None:
    seen = await invited(owner, "Bob@example.com", "auditor")
    address = seen.value("link")
    bob = browsers()
    path = "/" + address.split("/", 3)[3]
    came = await bob.send(await bob.get(path), path, password=PASSWORD)

    assert address.startswith("http://127.0.0.1")
    assert came.path == "/integrations"
    assert "bob@example.com" in came.text
    assert address not in (await owner.get("/people")).text


async def test_changes_of_people_are_facts_that_name_numbers_only(
    owner: Person, database: Connection[Record]
) -> None:
    await invited(owner, "bob@example.com", "member")
    number = await database.fetchval("SELECT max(member_id) FROM tokens.members")
    page = await owner.get(f"/people/{number}")
    await owner.send(page, f"/people/{number}/role", role="auditor")
    await owner.send(page, f"/people/{number}/link")
    await owner.send(page, f"/people/{number}/remove")
    (added, *others) = await facts_of(database)
    me = added[2]["member_id"]  # type: ignore[index] # parsed JSON
    texts = await database.fetch("SELECT record::text FROM ledger.event")

    assert added == ("MemberAdded", "system", {"member_id": me, "role": "owner"})
    assert others == [
        ("MemberAdded", f"member/{me}", {"member_id": number, "role": "member"}),
        ("MemberRoleChanged", f"member/{me}", {"member_id": number, "role": "auditor"}),
        ("MemberLinkMade", f"member/{me}", {"member_id": number}),
        ("MemberRemoved", f"member/{me}", {"member_id": number}),
    ]
    assert "example.com" not in str(texts)


async def test_an_owner_who_becomes_another_by_a_link_is_found_in_the_history(
    owner: Person, member: Person, browsers: Browsers, use_cases: UseCases, caller: Caller
) -> None:
    me, other = await use_cases.members.list_members(caller)
    page = await owner.get(f"/people/{other.member_id}")
    made = await owner.send(page, f"/people/{other.member_id}/link")
    path = "/" + made.value("link").split("/", 3)[3]
    posing = browsers()
    seen = await posing.send(await posing.get(path), path, password="the owner's own choice")
    audit = (await owner.get("/audit?type=MemberLinkMade")).text

    assert other.email is not None
    assert other.email in seen.text
    assert (await member.get("/people")).path == "/sign-in"
    assert f"<strong>{me.email}</strong> made a new one-time link" in audit
    assert f"for member {other.member_id} ({other.email})" in audit


async def test_whoever_is_removed_is_out_at_once(
    owner: Person, member: Person, account: OpenedAccount, use_cases: UseCases, caller: Caller
) -> None:
    (found,) = [one for one in await use_cases.members.list_members(caller) if one.role == "member"]
    page = await owner.get(f"/people/{found.member_id}")

    seen = await owner.send(page, f"/people/{found.member_id}/remove")

    email = f"member-{account.account_id}@example.com"
    assert f"{email} was removed" in seen.text
    assert (await member.get("/integrations")).path == "/sign-in"
    assert (await member.sign_in(email, PASSWORD)).status == 403


async def test_the_address_of_who_was_removed_is_kept_until_it_is_erased(
    owner: Person, member: Person, account: OpenedAccount, use_cases: UseCases, caller: Caller
) -> None:
    assert (await member.get("/people")).status == 200
    email = f"member-{account.account_id}@example.com"
    (found,) = [one for one in await use_cases.members.list_members(caller) if one.role == "member"]
    await use_cases.members.remove(caller, found.member_id)

    page = await owner.get("/people")
    erased = await owner.send(page, f"/people/{found.member_id}/erase")

    assert email in page.text
    assert email not in erased.text
    assert f"member/{found.member_id}" not in await use_cases.members.actor_names(caller)


async def test_an_address_that_was_removed_can_be_invited_again(
    owner: Person, use_cases: UseCases, caller: Caller
) -> None:
    first = await use_cases.members.invite(caller, "bob@example.com", "member")
    await use_cases.members.remove(caller, first.member_id)

    seen = await invited(owner, "bob@example.com", "member")

    assert "/link/" in seen.value("link")


async def test_an_address_is_one_persons(owner: Person, account: OpenedAccount) -> None:
    seen = await invited(owner, f"OWNER-{account.account_id}@example.com", "member")

    assert seen.status == 422
    assert "is already in use in this installation" in seen.text


async def test_the_last_owner_is_told_why_they_must_stay(
    owner: Person, use_cases: UseCases, caller: Caller
) -> None:
    (me,) = await use_cases.members.list_members(caller)
    page = await owner.get(f"/people/{me.member_id}")
    for action, fields in (("remove", {}), ("role", {"role": "auditor"})):
        seen = await owner.send(page, f"/people/{me.member_id}/{action}", **fields)

        assert seen.status == 422
        assert "no owner left" in seen.text
    assert (await owner.get("/people")).path == "/people"


async def test_a_new_role_counts_from_the_next_request_on(
    owner: Person, member: Person, use_cases: UseCases, caller: Caller
) -> None:
    (found,) = [one for one in await use_cases.members.list_members(caller) if one.role == "member"]
    page = await member.get("/integrations/add/import-api")
    await owner.send(
        await owner.get(f"/people/{found.member_id}"),
        f"/people/{found.member_id}/role",
        role="auditor",
    )

    seen = await member.send(page, "/integrations/add/import-api", name="Web Shop")

    assert seen.status == 403


@pytest.mark.parametrize("role", ["member", "auditor"])
async def test_others_see_the_people_and_no_way_to_change_them(
    role: str, caller: Caller, join: Join
) -> None:
    person = await join(caller, role)  # type: ignore[arg-type] # one of the roles
    seen = await person.get("/people")

    assert seen.status == 200
    assert "Invite" not in seen.text
    assert {form.action for form in seen.forms} == {"/sign-out"}
