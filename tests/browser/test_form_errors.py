"""The pages with the error messages of every form."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.installation import Installation
from tests.browser.visitor import Visitor


async def send_unchecked(visitor: Visitor, action: str, button: str, **fields: str) -> None:
    """What the browser would not let through, as other programs could send it."""
    form = visitor.page.locator(f"form[action='{action}']")
    await form.evaluate("form => { form.noValidate = true; }")
    for name, text in fields.items():
        await form.locator(f"[name={name}]").evaluate(
            "(field, text) => { field.removeAttribute('maxlength'); field.value = text; }", text
        )
    async with visitor.page.expect_navigation():
        await form.get_by_role("button", name=button).click()


async def test_an_integrations_forms_say_what_is_wrong(installation: Installation) -> None:
    shop = await installation.create()
    at = f"/integrations/{shop.integration_id}"
    async with installation.signed_in() as ada:
        main = ada.page.locator("main")
        await ada.open("/integrations/add/import-api")
        await send_unchecked(ada, "/integrations/add/import-api", "Save and", name="Shop orders")
        await expect(main).to_contain_text("shop_orders is already in use")
        await ada.look("add-name-taken")

        await ada.open(f"{at}/settings")
        await send_unchecked(ada, f"{at}/tokens", "Generate Token", label="x" * 81)
        await expect(main).to_contain_text("at most 80 characters")
        await ada.look("settings-new-label-unfit")
        await send_unchecked(ada, f"{at}/rename", "Rename", display_name="x" * 300)
        await expect(main).to_contain_text("1 to 255 characters")
        await ada.look("settings-name-unfit")
        assert shop.token is not None
        token = f"{at}/tokens/{shop.token.token_id}"
        await ada.page.get_by_text("Labels", exact=True).click()
        await send_unchecked(ada, f"{token}/label", "Save label", label="x" * 81)
        await expect(main).to_contain_text("at most 80 characters")
        await ada.look("settings-label-unfit")


async def test_peoples_forms_say_what_is_wrong(installation: Installation) -> None:
    async with installation.signed_in() as ada:
        main = ada.page.locator("main")
        await ada.open("/people")
        await send_unchecked(ada, "/people/invite", "Create one-time", email="ada@acme.example")
        await ada.look("people-address-taken")
        await ada.press("Manage ada@acme.example")
        await ada.press("Remove ada@acme.example")
        await expect(main).to_contain_text("no owner left")
        await ada.look("member-last-owner")

        await ada.open("/account")
        await send_unchecked(
            ada, "/account/password", "Change", present="not mine, surely", wanted="a new phrase"
        )
        await ada.look("account-password-wrong")
        await send_unchecked(ada, "/account/password", "Change", present="x", wanted="short")
        await ada.look("account-password-short")


async def test_an_auditors_forms_say_what_is_wrong(installation: Installation) -> None:
    async with installation.signed_in("audrey@acme.example", "auditor") as audrey:
        await audrey.open("/audit/as-of?moment=yesterday")
        await expect(audrey.page.locator("main")).to_contain_text("Enter a time such as")
        await audrey.look("as-of-no-time")
        await audrey.open("/audit?type=TokenRevoked&integration=nobody")
        await audrey.look("audit-nothing-found")


async def test_a_links_form_says_what_is_wrong(installation: Installation) -> None:
    link = await installation.use_cases.members.invite(
        installation.caller, "eve@acme.example", "member"
    )
    async with installation.stranger() as eve:
        await eve.open(link.path)
        await send_unchecked(eve, link.path, "Save and", password="short")
        await eve.look("link-password-short")
        await eve.open("/link/used-before")
        await eve.look("link-unknown")
