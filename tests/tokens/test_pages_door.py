"""Signing in and out, by pages."""

from __future__ import annotations

from collections.abc import Callable

from services.tokens.authority import Caller
from services.tokens.handlers import Handlers, OpenedAccount
from tests.tokens.conftest import PASSWORD
from tests.tokens.person import Person

Browsers = Callable[[], Person]


async def test_whoever_is_not_signed_in_is_sent_to_the_door_and_back(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    await owner.get("/people")
    person = browsers()

    door = await person.get("/people?x=1")
    email = f" Owner-{account.account_id}@Example.com"
    seen = await person.send(door, "/sign-in", email=email, password=PASSWORD)

    assert (door.status, door.path) == (200, "/sign-in")
    assert (seen.status, seen.path) == (200, "/people")


async def test_a_link_lets_one_choose_a_password_and_signs_in(
    handlers: Handlers, caller: Caller, browsers: Browsers
) -> None:
    link = await handlers.members.invite(caller, None, "owner")
    person = browsers()

    page = await person.get(link.path)
    seen = await person.send(page, link.path, email="ada@example.com", password=PASSWORD)

    assert (seen.status, seen.path) == (200, "/integrations")
    assert "ada@example.com" in seen.text
