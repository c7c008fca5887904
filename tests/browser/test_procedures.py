"""The guide's three procedures in a browser: generate, revoke and rotate a token."""

from __future__ import annotations

import re
from datetime import UTC, timedelta

import pytest
from playwright.async_api import expect

from protocol.token_text import PUBLISHED_PATTERN, token_hash
from services.runtime.clock import SystemClock
from tests.browser.installation import Installation
from tests.browser.screenshots import picture
from tests.browser.visitor import Visitor
from tests.tokens.journal_rows import PEER, use

NEVER_BEFORE = "198.51.100.99"


async def token_in(visitor: Visitor) -> str:
    """The one that the dialog shows."""
    text = await visitor.page.get_by_label("Access token").input_value()
    assert re.fullmatch(PUBLISHED_PATTERN, text)
    return text


async def is_known(installation: Installation, token: str) -> bool:
    known = await installation.use_cases.read_model.known_token(token_hash(token))
    return known is not None and known.active


async def test_an_integration_and_its_first_token_from_nothing(installation: Installation) -> None:
    async with installation.signed_in() as ada:
        await ada.open("/")
        await ada.look("integrations-empty")
        await ada.press("Add an integration")
        await ada.look("add-choose")
        await ada.page.get_by_role("link", name="Import API").click()
        await ada.fill("Integration name", "Shop orders")
        await expect(ada.page.get_by_text("shop_orders").first).to_be_visible()
        # It is for browsers without scripts.
        await expect(ada.page.get_by_role("button", name="Show schema name")).to_be_hidden()
        await ada.look("add-name")
        await ada.press("Save and Generate Token")
        token = await token_in(ada)
        await ada.look("token-dialog")
        secrets = [ada.page.locator("#token"), ada.page.locator("pre").first]
        await picture(ada, "token-dialog", height=760, covered=secrets)
        await ada.page.get_by_role("button", name="Copy").first.click()
        await expect(ada.page.get_by_role("button", name="Copied")).to_be_visible()

        assert await ada.page.evaluate("navigator.clipboard.readText()") == token
        assert await is_known(installation, token)

        await ada.press("Close and Continue")
        await ada.look("summary-empty")
        assert token not in await ada.html()


async def test_a_second_token_and_no_third(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    await use(installation.database, shop.integration_id, shop.token.token_id, SystemClock().now())
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop.integration_id}/settings")
        await ada.look("settings-one-token")
        await ada.press("Generate Token")
        second = await token_in(ada)
        await ada.press("Close and Continue")
        await ada.look("settings-two-tokens")
        await picture(ada, "settings", height=710)

        generate = ada.page.get_by_role("button", name="Generate Token")
        await expect(generate).to_be_disabled()
        await expect(generate).to_have_accessible_description(
            re.compile("at most two active tokens")
        )
        assert f"…{second[-4:]}" in await ada.text()


async def test_revoking_asks_first_and_then_is_at_once(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    token = shop.token.access_token
    await use(installation.database, shop.integration_id, shop.token.token_id, SystemClock().now())
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop.integration_id}/settings")
        await ada.press(f"Revoke …{token[-4:]}")
        await ada.look("revoke")
        said = await ada.text()
        assert PEER in said
        assert "only active token" in said
        await ada.press("Cancel")
        assert await is_known(installation, token)

        await ada.press(f"Revoke …{token[-4:]}")
        await ada.press(f"Revoke …{token[-4:]}")
        await ada.look("settings-no-token")

        assert not await is_known(installation, token)
        assert f"Token …{token[-4:]} was revoked" in await ada.text()


@pytest.mark.parametrize("scripts", [True, False], ids=["live", "without scripts"])
async def test_rotating_shows_the_first_use_and_who_is_late(
    installation: Installation, *, scripts: bool
) -> None:
    shop = await installation.create()
    assert shop.token is not None
    old, shop_id, now = shop.token, shop.integration_id, SystemClock().now()
    await use(installation.database, shop_id, old.token_id, now - timedelta(hours=2))
    async with installation.signed_in(scripts=scripts) as ada:
        main = ada.page.locator("main")
        await ada.open(f"/integrations/{shop_id}/settings")
        await ada.press("Rotate")
        await ada.press("Generate Token")
        token = await token_in(ada)
        await ada.press("Close and Continue")
        await expect(main).to_contain_text("Waiting for the first push")

        (new, _) = await installation.use_cases.read_model.active_tokens(
            installation.caller, shop_id
        )
        await use(installation.database, shop_id, new.token_id, now, NEVER_BEFORE)
        await use(installation.database, shop_id, old.token_id, now + timedelta(milliseconds=1))
        if not scripts:
            await ada.press("Refresh")
        await expect(main).to_contain_text(f"from {NEVER_BEFORE}")
        await expect(main).to_contain_text(f"…{old.access_token[-4:]} is still in use")
        await expect(main).to_contain_text(PEER)

        await ada.press(f"Revoke …{old.access_token[-4:]}")
        await ada.press(f"Revoke …{old.access_token[-4:]}")
        assert not await is_known(installation, old.access_token)
        assert await is_known(installation, token)


async def test_every_step_of_a_rotation_looks_right(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    shop_id, now = shop.integration_id, SystemClock().now().astimezone(UTC)
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop_id}/rotate")
        await ada.look("rotate-before")
        new = await installation.use_cases.integrations.generate_token(installation.caller, shop_id)
        await ada.open(f"/integrations/{shop_id}/rotate")
        await ada.look("rotate-waiting")
        await picture(ada, "rotate", height=700)
        await use(installation.database, shop_id, shop.token.token_id, now - timedelta(days=1))
        await use(installation.database, shop_id, new.token_id, now - timedelta(hours=1))
        await ada.open(f"/integrations/{shop_id}/rotate")
        await ada.look("rotate-ready")
        await expect(ada.page.locator("main")).to_contain_text("You can revoke it")
        await use(installation.database, shop_id, shop.token.token_id, now - timedelta(minutes=16))
        await ada.open(f"/integrations/{shop_id}/rotate")
        await ada.look("rotate-late")
        await expect(ada.page.locator("main")).to_contain_text(
            "Make sure that app has switched over"
        )
