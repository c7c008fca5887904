"""Signing in and out on the pages, and when a session ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from structlog.testing import capture_logs

from services.tokens.domain.permissions import Caller
from services.tokens.sign_in import login_throttle
from services.tokens.sign_in.sessions import csrf_token as csrf_token_of
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.tokens.conftest import PASSWORD, application
from tests.tokens.person import Person, Seen

Browsers = Callable[[], Person]

REFUSED = "Incorrect e-mail address or password"


def email_of(account: OpenedAccount, role: str = "owner") -> str:
    return f"{role}-{account.account_id}@example.com"


async def test_whoever_is_not_signed_in_is_sent_to_the_door_and_back(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    await owner.get("/people")
    person = browsers()

    page = await person.get("/people?x=1")
    email = f" Owner-{account.account_id}@Example.com"
    seen = await person.send(page, "/sign-in", email=email, password=PASSWORD)

    assert (page.status, page.path) == (200, "/sign-in")
    assert (seen.status, seen.path) == (200, "/people")


async def test_a_link_lets_one_choose_a_password_and_signs_in(
    use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    link = await use_cases.members.invite(caller, None, "owner")
    person = browsers()

    page = await person.get(link.path)
    seen = await person.send(page, link.path, email="ada@example.com", password=PASSWORD)
    again = await browsers().sign_in("ada@example.com", PASSWORD)

    assert (seen.status, seen.path) == (200, "/integrations")
    assert "ada@example.com" in seen.text
    assert (again.status, again.path) == (200, "/integrations")


async def test_an_unknown_address_is_answered_like_a_wrong_password(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    def without_address(seen: Seen, email: str) -> str:
        assert REFUSED in seen.text
        key = seen.form("/sign-in").fields["csrf_token"]
        return seen.text.replace(email, "").replace(key, "")

    known, unknown = email_of(account), "nobody@example.com"
    wrong = await browsers().sign_in(known, "not the password")
    unregistered = await browsers().sign_in(unknown, "not the password")

    assert owner.cookie("pushgate_session")
    assert (wrong.status, unregistered.status) == (403, 403)
    assert without_address(wrong, known) == without_address(unregistered, unknown)


async def test_signing_out_ends_the_session_and_not_only_the_cookie(
    owner: Person, browsers: Browsers
) -> None:
    thief = browsers()
    secret = owner.cookie("pushgate_session") or ""
    thief.plant("pushgate_session", secret)
    before = await thief.get("/people")

    page = await owner.get("/people")
    out = await owner.send(page, "/sign-out")
    after = await thief.get("/people")

    assert (before.path, out.path, after.path) == ("/people", "/sign-in", "/sign-in")


async def test_signing_out_everywhere_ends_all_sessions(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    other = browsers()
    await other.sign_in(email_of(account), PASSWORD)

    await owner.send(await owner.get("/account"), "/account/sign-out-everywhere")

    assert (await other.get("/people")).path == "/sign-in"
    assert (await owner.get("/people")).path == "/sign-in"


async def test_a_new_password_ends_the_other_sessions_and_not_this_one(
    owner: Person, account: OpenedAccount, browsers: Browsers
) -> None:
    other = browsers()
    await other.sign_in(email_of(account), PASSWORD)

    page = await owner.get("/account")
    seen = await owner.send(
        page, "/account/password", present=PASSWORD, wanted="a longer new password"
    )

    assert "was changed" in seen.text
    assert (await other.get("/people")).path == "/sign-in"
    assert (await owner.get("/people")).path == "/people"
    assert (await browsers().sign_in(email_of(account), PASSWORD)).status == 403


async def test_changing_the_password_needs_the_present_one(owner: Person) -> None:
    page = await owner.get("/account")
    seen = await owner.send(
        page, "/account/password", present="wrong wrong wrong", wanted="a longer new password"
    )

    assert seen.status == 422
    assert "not your current password" in seen.text


@pytest.mark.parametrize("characters", [11, 1025])
async def test_a_password_is_refused_for_its_length_alone(
    characters: int, use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    person = browsers()

    seen = await person.send(await person.get(link.path), link.path, password="x" * characters)

    assert seen.status == 422
    assert "12 to 1,024 characters" in seen.text


async def test_looking_at_a_link_does_not_use_it_up(
    use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    """Programs that scan mails and chats open whatever they find."""
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    for method in ("GET", "HEAD", "GET"):
        await browsers().ask(method, link.path)
    person = browsers()

    seen = await person.send(await person.get(link.path), link.path, password=PASSWORD)

    assert seen.path == "/integrations"


async def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(
    use_cases: UseCases, caller: Caller, browsers: Browsers
) -> None:
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    person = browsers()
    form = (await person.get(link.path)).form(link.path)
    answer = await person.ask(
        "POST", link.path, data=form.fields | {"password": PASSWORD}, allow_redirects=False
    )

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("pushgate_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # this is http


BEHIND_TLS = {
    "by the public address": ({"pages_url": "https://gate.acme.example/"}, {}),
    "by what our proxy says": ({"behind_proxy": True}, {"X-Forwarded-Proto": "https"}),
}


@pytest.mark.parametrize(("settings", "headers"), BEHIND_TLS.values(), ids=BEHIND_TLS)
async def test_behind_tls_cookies_are_for_tls_and_this_host_alone(
    aiohttp_client: AiohttpClient,
    role_url: RoleUrl,
    use_cases: UseCases,
    caller: Caller,
    settings: dict[str, Any],
    headers: dict[str, str],
) -> None:
    """Of the visitor, of the session, and of the end of one; and people get the public address."""
    browser = await aiohttp_client(application(role_url, **settings))
    link = await use_cases.members.invite(caller, "ada@example.com", "owner")
    page = await browser.get(link.path, headers=headers)
    visitor = cookie_in(page.headers["Set-Cookie"], "__Host-pushgate_visitor")
    form = {"csrf_token": csrf_token_of(visitor), "password": PASSWORD}
    arrived = await browser.post(
        link.path,
        data=form,
        headers={**headers, "Cookie": f"__Host-pushgate_visitor={visitor}"},
        allow_redirects=False,
    )
    session = cookie_in(arrived.headers["Set-Cookie"], "__Host-pushgate_session")
    signed_in = {**headers, "Cookie": f"__Host-pushgate_session={session}"}
    invited = await browser.post(
        "/people/invite",
        data={"csrf_token": csrf_token_of(session), "email": "eve@example.com", "role": "member"},
        headers=signed_in,
    )
    left = await browser.post(
        "/sign-out",
        data={"csrf_token": csrf_token_of(session)},
        headers=signed_in,
        allow_redirects=False,
    )

    assert cookie_in(left.headers["Set-Cookie"], "__Host-pushgate_session") == '""'
    public = settings.get("pages_url", f"https://{browser.host}:{browser.port}/")
    assert f'value="{public}link/' in await invited.text()


def cookie_in(header: str, name: str) -> str:
    """Its value. Without Path=/ and Secure, or with a Domain, no browser keeps such a name."""
    given, *attributes = header.split("; ")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax"} <= set(attributes)
    assert "Domain" not in header
    assert given.startswith(f"{name}=")
    return given.removeprefix(f"{name}=")


async def test_a_cookie_of_a_neighbour_without_tls_is_not_taken_behind_tls(
    aiohttp_client: AiohttpClient, role_url: RoleUrl, owner: Person
) -> None:
    """Another program of the host could plant one without the prefix."""
    browser = await aiohttp_client(application(role_url, pages_url="https://gate.acme.example"))
    session = owner.cookie("pushgate_session")

    seen = await browser.get(
        "/integrations",
        headers={"Cookie": f"pushgate_session={session}"},
        allow_redirects=False,
    )

    assert seen.headers["Location"].startswith("/sign-in")


async def test_nobody_but_a_proxy_of_ours_tells_how_the_browser_came(
    owner: Person, browsers: Browsers
) -> None:
    person = browsers()

    seen = await person.get("/sign-in", headers={"X-Forwarded-Proto": "https"})

    assert owner.cookie("pushgate_session")
    assert "Secure" not in seen.headers["Set-Cookie"]


async def test_failures_from_one_place_lead_to_a_no_even_for_the_right_password(
    owner: Person,
    account: OpenedAccount,
    browsers: Browsers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(login_throttle, "LOGIN_DELAY_SECONDS_MAX", 0.0)
    person = browsers()
    seen = await person.get("/sign-in")
    with capture_logs() as lines:
        for _ in range(14):  # a few more than ten: time forgives some meanwhile
            seen = await person.send(
                seen, "/sign-in", email=email_of(account, "member"), password="guess guess guess"
            )
        refused = await person.send(
            seen, "/sign-in", email=email_of(account, "member"), password=PASSWORD
        )
    others = await browsers().sign_in(email_of(account), PASSWORD)

    assert owner.cookie("pushgate_session")
    assert refused.status == 503
    assert "Too many attempts" in refused.text
    assert others.path == "/integrations"
    assert "guess" not in str(lines)
    codes = [line["code"] for line in lines if line["event"] == "sign_in.refused"]
    assert codes[:10] == ["sign_in_refused"] * 10
    assert codes[-1] == "too_many_attempts"


async def test_every_page_is_guarded_by_its_headers(owner: Person) -> None:
    for path in ("/integrations", "/people", "/account", "/nothing-here", "/link/nonsense"):
        seen = await owner.get(path)

        assert seen.headers["Cache-Control"] == "no-store"
        assert "script-src 'self'" in seen.headers["Content-Security-Policy"]
        assert "unsafe" not in seen.headers["Content-Security-Policy"]
        assert seen.headers["X-Content-Type-Options"] == "nosniff"
        assert seen.headers["Referrer-Policy"] == "same-origin"


async def test_a_browser_gets_a_page_and_a_program_json(owner: Person) -> None:
    page = await owner.get("/nothing-here")
    json = await owner.get("/nothing-here", headers={"Accept": "application/json"})
    api = await owner.get("/v4/nothing-here")

    assert page.status == json.status == api.status == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert json.text == api.text == '{"message":"Not Found"}'


async def test_a_file_has_the_hash_of_its_content_in_its_address(owner: Person) -> None:
    page = await owner.get("/integrations")
    address = page.text.split('<link rel="stylesheet" href="')[1].split('"')[0]
    found = await owner.get(address)
    stale = await owner.get("/static/pushgate.000000000000.css")

    assert "immutable" in found.headers["Cache-Control"]
    assert found.headers["Content-Type"] == "text/css; charset=utf-8"
    assert stale.status == 404
