"""What must not happen in a browser: a token shown twice, a script run, a foreign page shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import Error, Page, expect

from events.types import Role
from services.tokens.domain.permissions import system_caller
from tests.browser.checking import HEIGHT, NARROW, WIDE
from tests.browser.installation import PASSWORD, Installation
from tests.browser.test_procedures import token_in
from tests.tokens.journal_rows import Push, keep

SCRIPT = """"'><script>document.title='ran'</script><img src=x onerror="document.title='ran'">"""
SCHEME = "javascript:document.title='ran'"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


async def what_the_browser_keeps(page: Page) -> str:
    """All that a script of the page could still find: storage, caches, history, and the page."""
    found: str = await page.evaluate("""async () => {
        const kept = [document.documentElement.outerHTML, JSON.stringify(history.state), name,
                      JSON.stringify(localStorage), JSON.stringify(sessionStorage)];
        for (const key of await caches.keys()) kept.push(key);
        return kept.join(" ");
    }""")
    return found


async def test_the_token_is_not_shown_again_by_back_reload_or_a_second_click(
    installation: Installation,
) -> None:
    shop = await installation.create()
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop.integration_id}/settings")
        await ada.press("Generate Token")
        token = await token_in(ada)
        assert ada.answer.headers["cache-control"] == "no-store"
        assert token not in ada.page.url
        await ada.press("Close and Continue")

        # Nothing was kept of the answer to the form. The browser asks whether to send it again, and
        # if the person says so, it is spent.
        with pytest.raises(Error, match="ERR_CACHE_MISS"):
            await ada.page.go_back()
        await expect(ada.page.locator("html")).not_to_contain_text(token)
        await ada.page.reload()
        assert token not in await ada.page.content()
        await ada.page.go_forward()
        assert token not in await what_the_browser_keeps(ada.page)
        tokens = await installation.use_cases.read_model.active_tokens(
            installation.caller, shop.integration_id
        )
        assert len(tokens) == 2


async def test_the_same_form_sent_again_makes_no_second_token(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop.integration_id}/settings")
        form = ada.page.locator("form[action$='/tokens']")
        fields: dict[str, str | float | bool] = {
            name: await form.locator(f"[name={name}]").input_value()
            for name in ("csrf_token", "form_id")
        }
        await ada.press("Generate Token")
        token = await token_in(ada)
        await installation.use_cases.integrations.revoke_token(
            installation.caller, shop.integration_id, shop.token.token_id
        )
        again = await ada.page.context.request.post(
            f"{installation.origin}/integrations/{shop.integration_id}/tokens",
            form=fields,
            headers={"Accept": "text/html"},
        )
        shown = await again.text()
        await ada.page.set_content(shown)
        await ada.look_at(shown, "token-shown-before")

        assert again.status == 409
        assert token not in shown


async def test_a_token_that_another_tab_revoked_is_said_to_be(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    asked_at = f"/integrations/{shop.integration_id}/tokens/{shop.token.token_id}/revoke"
    async with installation.signed_in() as ada:
        main = ada.page.locator("main")
        await ada.open(asked_at)
        await installation.use_cases.integrations.revoke_token(
            installation.caller, shop.integration_id, shop.token.token_id
        )
        await ada.press(f"Revoke …{shop.token.access_token[-4:]}")
        await expect(main).to_contain_text("is already revoked")
        await ada.open(asked_at)
        await expect(main).to_contain_text("is already revoked")


async def test_a_script_in_a_text_does_not_run(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    shop_id, token_id = shop.integration_id, shop.token.token_id
    await keep(
        installation.database,
        Push(integration_id=shop_id, token_id=token_id, at=NOW, tables=[SCRIPT, SCHEME]),
    )
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop_id}/settings")
        await ada.fill("Display name", SCRIPT)
        await ada.press("Rename")
        await ada.page.get_by_text("Labels", exact=True).click()
        await ada.fill(f"Label for …{shop.token.access_token[-4:]}", SCRIPT[:80])
        await ada.press(f"Save label for …{shop.token.access_token[-4:]}")
        for path in (
            "/integrations",
            f"/integrations/{shop_id}",
            f"/integrations/{shop_id}/settings",
            f"/integrations/{shop_id}/activity",
            f"/integrations/{shop_id}/rotate",
            f"/integrations/{shop_id}/delete",
            f"/integrations/{shop_id}/tokens/{token_id}/revoke",
            "/audit",
            "/audit/as-of?moment=2999-01-01T00:00:00",
            f"/audit?integration={SCRIPT}",
            f"/sign-in?next={SCHEME}",
        ):
            await ada.open(path)
            assert await ada.page.title() != "ran", path
            assert not await ada.page.locator("img, main script").count(), path
        await ada.open(f"/integrations/{shop_id}")
        await ada.look("summary-hostile")


async def test_another_accounts_pages_are_as_good_as_none(installation: Installation) -> None:
    stranger = await installation.use_cases.accounts.open("Evil Corp")
    theirs = await installation.use_cases.integrations.create(
        system_caller(stranger.account_id), "Theirs", with_token=True
    )
    assert theirs.token is not None
    at = f"/integrations/{theirs.integration_id}"
    async with installation.signed_in() as ada:
        for path in ("", "/settings", "/activity", "/rotate", "/rotate/live", "/delete"):
            response = await ada.open(at + path)
            assert response.status == 404, path
        response = await ada.open(f"{at}/tokens/{theirs.token.token_id}/revoke")
        assert response.status == 404
        await ada.look("not-found")
        await ada.open("/audit")
        assert "Theirs" not in await ada.text()


@pytest.mark.parametrize("role", ["auditor", "member"])
async def test_a_role_sees_only_what_it_may_do(installation: Installation, role: Role) -> None:
    shop = await installation.create()
    assert shop.token is not None
    at = f"/integrations/{shop.integration_id}"
    may_change = role == "member"
    async with installation.signed_in("guest@acme.example", role) as guest:
        await guest.open(f"{at}/settings")
        changes = guest.page.locator("main form")
        assert (await changes.count() > 0) == may_change
        audit = await guest.open("/audit")
        assert audit.status == (403 if may_change else 200)
        if may_change:
            await guest.look("forbidden")


async def test_an_auditor_who_posts_all_the_same_changes_nothing(
    installation: Installation,
) -> None:
    shop = await installation.create()
    assert shop.token is not None
    at, token = f"/integrations/{shop.integration_id}", shop.token.token_id
    size = await installation.database.fetchval("SELECT size FROM ledger.head")
    async with installation.signed_in("audrey@acme.example", "auditor") as audrey:
        await audrey.open("/account")
        key = await audrey.page.locator("header [name=csrf_token]").input_value()
        for path, fields in {
            f"{at}/rename": {"display_name": "Mine"},
            f"{at}/pause": {},
            f"{at}/resume": {},
            f"{at}/delete": {"typed": shop.schema_name},
            f"{at}/tokens": {},
            f"{at}/tokens/{token}/label": {"label": "mine"},
            f"{at}/tokens/{token}/revoke": {},
            "/integrations/add/import-api": {"name": "Mine"},
            "/people/invite": {"email": "evil@acme.example", "role": "owner"},
        }.items():
            answer = await audrey.page.context.request.post(
                installation.origin + path,
                form={"csrf_token": key, **fields},
                headers={"Accept": "text/html"},
                max_redirects=0,
            )
            assert answer.status == 403, path

    # The one fact is that Audrey was added.
    assert await installation.database.fetchval("SELECT size FROM ledger.head") == size + 1


async def test_the_way_in_and_the_pages_about_people(installation: Installation) -> None:
    await installation.create()
    async with installation.signed_in() as ada:
        await ada.open("/people")
        await ada.fill("E-mail", "grace@acme.example")
        await ada.press("Create one-time link")
        await ada.look("invited")
        link = await ada.page.get_by_label("Link").input_value()
        await ada.press("Close and Continue")
        await ada.look("people")
        await ada.press("Manage grace@acme.example")
        await expect(ada.page.get_by_role("heading", level=1)).to_contain_text("grace")
        await ada.look("member")
        await ada.open("/account")
        await ada.look("account")
        await ada.press("Sign out")
        await ada.look("sign-in")
        await ada.fill("E-mail", "ada@acme.example")
        await ada.fill("Password", "not the password")
        await ada.press("Sign in")
        await ada.look("sign-in-refused")
        await ada.fill("Password", PASSWORD)
        await ada.press("Sign in")
        await expect(ada.page.get_by_role("heading", level=1)).to_have_text("Integrations")
        await ada.press("Sign out")

        await ada.page.goto(link)
        await ada.look("link")
        await ada.fill("Password", "a phrase of Grace's own")
        await ada.press("Save and sign in")
        await expect(ada.page.get_by_role("banner")).to_contain_text("grace@acme.example")


async def test_an_address_is_erased_by_whoever_says_so_twice(installation: Installation) -> None:
    email = "grace.brewster.murray.hopper@acme.example"
    members = installation.use_cases.members
    link = await members.invite(installation.caller, email, "member")
    await members.remove(installation.caller, link.member_id)
    await members.invite(
        installation.caller, f"{'very.' * 9}long@{'very-' * 6}long.example", "auditor"
    )
    async with installation.signed_in() as ada:
        main = ada.page.locator("main")
        await ada.open("/people")
        await expect(main).to_contain_text("Delete e-mail address")
        await expect(
            main.get_by_role("button", name=f"Delete the e-mail address {email}")
        ).to_be_hidden()
        await ada.look("people-removed")
        await main.get_by_text("Delete e-mail address").click()
        await ada.look("people-erasing")
        table = main.get_by_role("region", name="Table of removed people")
        for width in (WIDE, NARROW):
            await ada.page.set_viewport_size({"width": width, "height": HEIGHT})
            # Nothing of it is out of sight, not even of a long address.
            assert await table.evaluate("table => table.scrollWidth <= table.clientWidth"), width
        await ada.press(f"Delete the e-mail address {email}")
        await expect(main).to_contain_text(
            f"The e-mail address of member {link.member_id} was deleted"
        )
        await expect(main).not_to_contain_text(email)
