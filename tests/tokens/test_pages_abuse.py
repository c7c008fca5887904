"""Attacks on the pages that must fail, one in each test.

Routes are read from the application, so that a page that is added later is tried too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from asyncpg import Connection, Record
from structlog.testing import capture_logs

from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.refusals import MemberNotFound
from services.tokens.sign_in.sessions import csrf_token as csrf_token_of
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.new_tokens import new_token
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.views.sign_in import local_path
from tests.tokens.conftest import PASSWORD, Join
from tests.tokens.connect_client import AnyClient
from tests.tokens.person import Person

Browsers = Callable[[], Person]

SCRIPT = "<script>alert(1)</script>\"'>"

# Whoever is not signed in sends these, and each guards itself.
AT_THE_DOOR = {"/sign-in", "/link/{secret}"}
# What everybody may do, to themselves.
ONES_OWN = {"/sign-out", "/account/password", "/account/sign-out-everywhere"}
# They change nothing.
READING_POSTS = {"/audit/verify"}


def routes(server: AnyClient, method: str) -> list[str]:
    """Of pages, as patterns."""
    assert server.app is not None
    found = {
        route.resource.canonical
        for route in server.app.router.routes()
        if route.method == method and route.resource is not None
    }
    return sorted(path for path in found if not path.startswith("/v4/"))


@dataclass(frozen=True, kw_only=True)
class Place:
    """An account's integration, token and member."""

    integration_id: int
    token_id: int
    member_id: int

    def path(self, pattern: str) -> str:
        for name in ("integration_id", "token_id", "member_id"):
            pattern = pattern.replace(f"{{{name}}}", str(getattr(self, name)))
        assert "{" not in pattern, pattern
        return pattern


@pytest.fixture
async def place(use_cases: UseCases, caller: Caller) -> Place:
    made = await use_cases.integrations.create(caller, "Web Shop", with_token=True)
    link = await use_cases.members.invite(caller, "victim@example.com", "owner")
    assert made.token is not None
    return Place(
        integration_id=made.integration_id,
        token_id=made.token.token_id,
        member_id=link.member_id,
    )


async def state_of(database: Connection[Record]) -> tuple[object, ...]:
    """Whatever a form could change: facts and the tables next to them."""
    return (
        await database.fetchval("SELECT size FROM ledger.head"),
        await database.fetch("SELECT l::text FROM tokens.token_labels l"),
        await database.fetch("SELECT l.member_id, l.secret_hash FROM tokens.one_time_links l"),
        await database.fetch("SELECT p::text FROM tokens.people p ORDER BY member_id"),
    )


async def csrf_token(person: Person) -> str:
    return (await person.get("/account")).form("/sign-out").fields["csrf_token"]


FIELDS = {
    "name": "Evil",
    "display_name": "Evil",
    "label": "Evil",
    "email": "evil@example.com",
    "role": "owner",
    "typed": "web_shop",
}


async def test_another_accounts_pages_cannot_be_seen_by_id(
    server: AnyClient, place: Place, stranger: OpenedAccount, join: Join
) -> None:
    person = await join(system_caller(stranger.account_id), "owner")
    tried = [path for path in routes(server, "GET") if "_id}" in path]
    for pattern in tried:
        seen = await person.get(place.path(pattern))

        assert seen.status == 404, pattern
        assert "Web Shop" not in seen.text
        assert "victim" not in seen.text
    assert len(tried) >= 4


async def test_another_accounts_integration_token_or_member_cannot_be_changed_by_id(
    server: AnyClient,
    place: Place,
    stranger: OpenedAccount,
    join: Join,
    database: Connection[Record],
) -> None:
    person = await join(system_caller(stranger.account_id), "owner")
    key, before = await csrf_token(person), await state_of(database)
    tried = [path for path in routes(server, "POST") if "_id}" in path]
    for pattern in tried:
        seen = await person.ask(
            "POST", place.path(pattern), data=FIELDS | {"csrf_token": key}, allow_redirects=False
        )

        assert seen.status == 404, pattern
    assert await state_of(database) == before
    assert len(tried) >= 8


async def test_another_accounts_token_cannot_be_revoked_through_ones_own_integration(
    place: Place,
    stranger: OpenedAccount,
    use_cases: UseCases,
    join: Join,
    database: Connection[Record],
) -> None:
    other_owner = system_caller(stranger.account_id)
    person = await join(other_owner, "owner")
    own = await use_cases.integrations.create(other_owner, "Own")
    key, before = await csrf_token(person), await state_of(database)

    seen = await person.ask(
        "POST",
        f"/integrations/{own.integration_id}/tokens/{place.token_id}/revoke",
        data=FIELDS | {"csrf_token": key},
    )

    assert seen.status in {404, 409}
    assert await state_of(database) == before


async def test_a_member_cannot_do_what_owners_do(
    server: AnyClient, place: Place, member: Person, database: Connection[Record]
) -> None:
    key, before = await csrf_token(member), await state_of(database)
    tried = [path for path in routes(server, "POST") if path.startswith("/people")]
    for pattern in tried:
        seen = await member.ask(
            "POST", place.path(pattern), data=FIELDS | {"csrf_token": key}, allow_redirects=False
        )

        assert seen.status == 403, pattern
    assert await state_of(database) == before
    assert len(tried) >= 5


async def test_an_auditor_cannot_change_anything(
    server: AnyClient, place: Place, auditor: Person, database: Connection[Record]
) -> None:
    key, before = await csrf_token(auditor), await state_of(database)
    tried = set(routes(server, "POST")) - AT_THE_DOOR - ONES_OWN - READING_POSTS
    for pattern in sorted(tried):
        seen = await auditor.ask(
            "POST", place.path(pattern), data=FIELDS | {"csrf_token": key}, allow_redirects=False
        )

        assert seen.status == 403, pattern
    assert await state_of(database) == before
    assert len(tried) >= 12


@pytest.mark.parametrize("trick", ["no key", "another's key", "another site's origin", "null"])
async def test_no_form_can_be_sent_from_another_site(
    trick: str,
    server: AnyClient,
    place: Place,
    owner: Person,
    member: Person,
    database: Connection[Record],
) -> None:
    key = await csrf_token(member if trick == "another's key" else owner)
    fields = FIELDS if trick == "no key" else FIELDS | {"csrf_token": key}
    origins = {"another site's origin": "https://evil.example", "null": "null"}
    headers = {"Origin": origins[trick]} if trick in origins else {}
    before = await state_of(database)
    for pattern in routes(server, "POST"):
        seen = await owner.ask(
            "POST",
            place.path(pattern.replace("{secret}", "x")),
            data=fields,
            headers=headers,
            allow_redirects=False,
        )

        assert seen.status == 403, pattern
    assert await state_of(database) == before
    assert (await owner.get("/account")).path == "/account"


async def test_nobody_can_be_signed_in_from_another_site(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    """Else a victim would work, and type secrets, in the attacker's account."""
    victim = browsers()
    await victim.get("/sign-in")
    attackers = (await browsers().get("/sign-in")).form("/sign-in")
    email = f"owner-{account.account_id}@example.com"

    seen = await victim.send_form(attackers, email=email, password=PASSWORD)

    assert owner.cookie("pushgate_session")
    assert seen.status == 403
    assert victim.cookie("pushgate_session") is None


async def test_a_session_cannot_be_fixed_beforehand(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    victim, attacker = browsers(), browsers()
    page = await attacker.get("/sign-in")
    planted = "chosen-by-the-attacker"
    victim.plant("pushgate_session", planted)
    await victim.sign_in(f"owner-{account.account_id}@example.com", PASSWORD)
    attacker.plant("pushgate_session", planted)

    assert page.status == 200
    assert owner.cookie("pushgate_session") != victim.cookie("pushgate_session") != planted
    assert (await victim.get("/people")).path == "/people"
    assert (await attacker.get("/people")).path == "/sign-in"


async def test_a_session_from_before_is_over_after_signing_in_anew(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    thief, before = browsers(), owner.cookie("pushgate_session") or ""
    owner.plant("pushgate_visitor", "a second tab")
    credentials = {"email": f"owner-{account.account_id}@example.com", "password": PASSWORD}
    await owner.ask(
        "POST", "/sign-in", data=credentials | {"csrf_token": csrf_token_of("a second tab")}
    )
    thief.plant("pushgate_session", before)

    assert owner.cookie("pushgate_session") != before
    assert (await owner.get("/people")).path == "/people"
    assert (await thief.get("/people")).path == "/sign-in"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%5Cevil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/people\r\nSet-Cookie: a=b",
        "/@evil.example",
        "/.//evil.example\x00",
        "",
    ],
)
def test_the_door_leads_to_no_other_place(wanted: str) -> None:
    assert local_path(wanted) == "/integrations"


@pytest.mark.parametrize("wanted", ["/people", "/integrations?q=a+b&page=2", "/audit?type=x"])
def test_the_door_leads_to_where_one_wanted_to_go(wanted: str) -> None:
    assert local_path(wanted) == wanted


async def test_signing_in_does_not_lead_to_another_site(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    person = browsers()
    page = await person.get("/sign-in?next=https%3A%2F%2Fevil.example%2F")
    form = page.form("/sign-in")
    email = f"owner-{account.account_id}@example.com"
    answer = await person.ask(
        "POST",
        form.action,
        data=form.fields | {"email": email, "password": PASSWORD},
        allow_redirects=False,
    )

    assert owner.cookie("pushgate_session")
    assert (answer.status, answer.headers["Location"]) == (303, "/integrations")


async def test_no_text_field_can_be_used_to_store_a_script(
    server: AnyClient, use_cases: UseCases, place: Place, owner: Person, caller: Caller
) -> None:
    """Each text that somebody may choose, and then every page."""
    made = await use_cases.integrations.create(caller, f"shop {SCRIPT}", with_token=True)
    assert made.token is not None
    await use_cases.integrations.label_token(
        caller, made.integration_id, made.token.token_id, SCRIPT
    )
    evil = Place(
        integration_id=made.integration_id,
        token_id=made.token.token_id,
        member_id=place.member_id,
    )
    key = await csrf_token(owner)
    for pattern in routes(server, "GET"):
        if pattern in {"/static/{name}", "/link/{secret}", "/audit/export"}:
            continue
        path = evil.path(pattern)
        for address in (path, f"{path}?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E&name=%3Cscript%3Ex"):
            seen = await owner.get(address)

            assert "<script>" not in seen.text, address
    for pattern in ("/people/invite", "/integrations/add/import-api"):
        fields = dict.fromkeys(FIELDS, SCRIPT) | {"csrf_token": key}
        seen = await owner.ask("POST", pattern, data=fields)

        assert "<script>" not in seen.text, pattern


@pytest.mark.parametrize("form", ["rename", "tokens/{token_id}/label"])
async def test_a_token_that_is_pasted_into_the_wrong_field_is_not_kept(
    owner: Person, place: Place, database: Connection[Record], form: str
) -> None:
    """A name stays in the history, and both are shown to every member of the account."""
    token, at = new_token("at_").text, f"/integrations/{place.integration_id}"
    action = f"{at}/{form}".replace("{token_id}", str(place.token_id))
    before = await state_of(database)

    page = await owner.get(f"{at}/settings")
    seen = await owner.send(page, action, display_name=f"Shop {token}", label=f"it is {token}")

    assert seen.status == 400
    assert "not a token" in seen.text
    assert await state_of(database) == before


@pytest.mark.parametrize("text", ["\x00", "x" * 5_000, "\u202e", "1e999", "-1"])
async def test_no_text_can_be_used_to_crash_a_page(
    text: str, server: AnyClient, place: Place, owner: Person, browsers: Browsers
) -> None:
    key = await csrf_token(owner)
    fields = {**dict.fromkeys([*FIELDS, "form_id", "present", "wanted"], text), "csrf_token": key}
    query = "&".join(
        f"{name}={quote(text)}"
        for name in ("q", "page", "before", "type", "actor", "since", "until", "at", "name")
    )
    tried = [("POST", path, fields) for path in routes(server, "POST") if path not in AT_THE_DOOR]
    tried += [("GET", f"{path}?{query}", {}) for path in routes(server, "GET")]
    for method, pattern, data in tried:
        if pattern.startswith(("/sign-out", "/account/sign-out", "/static", "/link")):
            continue
        path = place.path(pattern)
        seen = await owner.ask(method, path, data=data or None, allow_redirects=False)

        assert seen.status < 500, (method, path)
    visitor = browsers()
    page = await visitor.get("/sign-in")
    seen = await visitor.send(page, "/sign-in", email=text, password=text)
    assert seen.status in {400, 403}


async def test_a_body_that_is_no_text_is_refused(owner: Person) -> None:
    header = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"name=\xff\xfe", b"name=%ff"):
        seen = await owner.ask("POST", "/integrations/add/import-api", data=body, headers=header)

        assert seen.status in {400, 403}
    strange = await owner.ask("POST", "/sign-out", json={"csrf_token": "x"})
    assert strange.status == 415


async def test_the_name_of_an_account_cannot_be_used_to_store_a_script(
    use_cases: UseCases, browsers: Browsers
) -> None:
    evil = await use_cases.accounts.open(SCRIPT)
    link = await use_cases.members.invite(system_caller(evil.account_id), None, "owner")

    seen = await browsers().get(link.path)

    assert seen.status == 200
    assert "<script>" not in seen.text


async def test_a_one_time_link_cannot_be_replayed(
    use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    first, second = browsers(), browsers()
    opened_before = await second.get(link.path)
    await first.send(await first.get(link.path), link.path, password=PASSWORD)

    replayed = await second.send(opened_before, link.path, password="another password")
    looked = await second.get(link.path)

    assert (replayed.status, looked.status) == (404, 404)
    assert second.cookie("pushgate_session") is None
    assert (await first.get("/people")).path == "/people"


async def test_an_older_link_is_no_good_once_there_is_a_newer_one(
    use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    first = await use_cases.members.invite(caller, "ada@example.com", "owner")
    second = await use_cases.members.renew_link(caller, first.member_id)

    assert (await browsers().get(first.path)).status == 404
    assert (await browsers().get(second.path)).status == 200


async def test_a_link_for_another_accounts_member_is_neither_made_nor_told(
    use_cases: UseCases,
    caller: Caller,
    stranger: OpenedAccount,
    browsers: Browsers,
    database: Connection[Record],
) -> None:
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    before = await state_of(database)

    with pytest.raises(MemberNotFound):
        await use_cases.members.renew_link(system_caller(stranger.account_id), link.member_id)

    assert await state_of(database) == before
    assert (await browsers().get(link.path)).status == 200


async def test_a_password_that_is_chosen_by_a_link_is_a_line_of_the_log(
    use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    person = browsers()
    page = await person.get(link.path)
    with capture_logs() as lines:
        await person.send(page, link.path, password="short")
        await person.send(page, link.path, password=PASSWORD)

    (chosen,) = [line for line in lines if line["event"] == "password.chosen"]
    assert (chosen["member_id"], chosen["peer"]) == (link.member_id, "127.0.0.1")


async def test_the_link_of_somebody_who_was_removed_is_no_good(
    use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    link = await use_cases.members.invite(caller, "ada@example.com", "member")
    await use_cases.members.remove(caller, link.member_id)

    assert (await browsers().get(link.path)).status == 404


async def test_a_line_of_the_log_does_not_hold_a_links_secret_or_a_password(
    use_cases: UseCases, caller: Caller, browsers: Browsers, capfd: pytest.CaptureFixture[str]
) -> None:
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    person = browsers()
    await person.send(await person.get(link.path), link.path, password=PASSWORD)
    await browsers().sign_in("ada@example.com", PASSWORD)
    printed = "".join(capfd.readouterr())

    assert re.search(r"/link/\{secret\}", printed)
    for secret in (link.secret, PASSWORD, "ada@example.com", person.cookie("pushgate_session")):
        assert secret is not None
        assert secret not in printed
