"""The three procedures with the keyboard alone, and without JavaScript."""

from __future__ import annotations

from playwright.async_api import expect

from services.runtime.clock import SystemClock
from tests.browser.installation import Installation
from tests.browser.test_procedures import is_known, token_in
from tests.browser.visitor import Visitor
from tests.tokens.journal_rows import use


async def press_enter_on(visitor: Visitor, name: str) -> None:
    await visitor.tab_to(name)
    async with visitor.page.expect_navigation():
        await visitor.page.keyboard.press("Enter")


async def test_a_token_is_generated_rotated_and_revoked_with_the_keyboard_alone(
    installation: Installation,
) -> None:
    async with installation.signed_in() as ada:
        keyboard, main = ada.page.keyboard, ada.page.locator("main")
        await ada.open("/integrations")
        await press_enter_on(ada, "Add an integration")
        await ada.tab_to("Skip to content")
        await keyboard.press("Enter")
        await press_enter_on(ada, "Import API")
        await ada.tab_to("Integration name")
        await keyboard.type("Shop orders")
        await press_enter_on(ada, "Save and Generate Token")
        old = await token_in(ada)
        await ada.tab_to("Copy")
        await keyboard.press("Enter")
        await expect(ada.page.get_by_role("button", name="Copied")).to_be_focused()
        assert await ada.page.evaluate("navigator.clipboard.readText()") == old

        await press_enter_on(ada, "Close and Continue")
        await press_enter_on(ada, "Settings")
        await press_enter_on(ada, "Rotate")
        await ada.tab_to("Label for the new token optional")
        await keyboard.type("the new server")
        await press_enter_on(ada, "Generate Token")
        new = await token_in(ada)
        await press_enter_on(ada, "Close and Continue")
        await ada.tab_to(f"Revoke …{old[-4:]}")
        # The page goes on telling what happens, and whoever is on the button stays on it.
        directory, caller = installation.use_cases.read_model, installation.caller
        (shop,) = await directory.integrations(caller)
        (entry, _) = await directory.active_tokens(caller, shop.integration_id)
        await use(installation.database, shop.integration_id, entry.token_id, SystemClock().now())
        await expect(main).to_contain_text("You can revoke it")
        await expect(ada.page.get_by_role("link", name=f"Revoke …{old[-4:]}")).to_be_focused()
        async with ada.page.expect_navigation():
            await keyboard.press("Enter")
        await press_enter_on(ada, f"Revoke …{old[-4:]}")

        await expect(main).to_contain_text("the new server")
        assert not await is_known(installation, old)
        assert await is_known(installation, new)


async def test_a_token_is_generated_and_revoked_without_scripts(
    installation: Installation,
) -> None:
    async with installation.signed_in(scripts=False) as ada:
        await ada.open("/integrations/add/import-api")
        await ada.fill("Integration name", "Shop orders")
        await ada.press("Show schema name")
        await expect(ada.page.locator("#schema-name")).to_have_text("shop_orders")
        await ada.press("Save and Generate Token")
        token = await token_in(ada)
        # A button that could do nothing is not there.
        await expect(ada.page.get_by_role("button", name="Copy")).to_have_count(0)
        await ada.press("Close and Continue")
        await ada.press("Settings")
        await ada.fill("Label for the new token", "the new server")
        await ada.press("Generate Token")
        second = await token_in(ada)
        await ada.press("Close and Continue")
        await expect(ada.page.locator("main")).to_contain_text("the new server")
        await ada.press(f"Revoke …{token[-4:]}")
        await ada.press(f"Revoke …{token[-4:]}")

        assert not await is_known(installation, token)
        assert await is_known(installation, second)
