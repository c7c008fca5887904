"""The Audit page: verify, filter, export, active tokens."""

from __future__ import annotations

import json

from playwright.async_api import expect

from tests.browser.installation import Installation
from tests.browser.screenshots import picture
from tests.tokens.signing import sign


async def test_an_auditor_finds_facts_and_who_could_write(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    for name in ("Returns", "Stock"):
        await installation.create(name)
    await installation.use_cases.integrations.revoke_token(
        installation.caller, shop.integration_id, shop.token.token_id
    )
    await sign(installation.database)
    async with installation.signed_in("audrey@acme.example", "auditor") as ada:
        main = ada.page.locator("main")
        await ada.open("/audit")
        await ada.look("audit")
        await ada.press("Verify now")
        await expect(main).to_contain_text("Verified.")
        await ada.look("audit-verified")
        await picture(ada, "audit", height=800)

        await ada.page.get_by_label("Type").select_option("TokenRevoked")
        await ada.page.get_by_label("Integration").fill("shop_orders")
        await ada.press("Filter")
        assert await ada.page.locator(".events > li").count() == 1
        await expect(main).to_contain_text("The operator revoked token")

        async with ada.page.expect_download() as download:
            await ada.page.get_by_role("link", name="Export").click()
        exported = (await (await download.value).path()).read_text().splitlines()
        assert [json.loads(line)["type"] for line in exported] == ["TokenRevoked"]

        await ada.press("Clear filters")
        await ada.press("Show tokens")
        await ada.look("as-of")
        await expect(main).to_contain_text("2 tokens could push")
        await ada.page.get_by_label("Time (UTC)").fill("2001-01-01T00:00:00")
        await ada.press("Show tokens")
        await expect(main).to_contain_text("before the first event")


async def test_a_check_that_fails_says_what_is_wrong(installation: Installation) -> None:
    shop = await installation.create()
    await sign(installation.database)
    await installation.database.execute(
        "UPDATE tokens.active_tokens SET state = 'paused' WHERE integration_id = $1",
        shop.integration_id,
    )
    async with installation.signed_in() as ada:
        await ada.open("/audit")
        await ada.press("Verify now")
        await ada.look("audit-differs")

        await expect(ada.page.locator("main")).to_contain_text("Not verified.")
        await expect(ada.page.locator("main")).to_contain_text("1 row of active_tokens")
