"""An integration's pages with data; rename, pause, resume, delete and label."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import expect

from services.runtime.clock import SystemClock
from tests.browser.installation import Installation
from tests.browser.screenshots import picture
from tests.tokens.journal_rows import Push, keep, refuse, thousand_pushes

LONG = (
    "Ein sehr langer Name für eine Integration, der auf schmalen Bildschirmen umbrechen muss " * 2
)


async def test_a_busy_integration_is_told_at_a_glance(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    shop_id, token, now = shop.integration_id, shop.token.token_id, SystemClock().now()
    tables = ("orders", "order_lines", "customers", "a_table_with_quite_a_long_name")
    database = installation.database
    await thousand_pushes(database, shop_id, token, now - timedelta(minutes=5))
    await keep(
        database,
        Push(integration_id=shop_id, token_id=token, at=now, tables=tables, records=12_345),
        Push(integration_id=shop_id, token_id=token, at=now, tables=tables, waiting=[0, 1]),
        Push(integration_id=shop_id, token_id=token, at=now, tables=tables, failed=[2]),
    )
    await refuse(database, shop_id, token, now, reason="record_invalid", requests=81)
    await refuse(database, shop_id, None, now - timedelta(hours=3), reason="token_missing")
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop_id}")
        await ada.look("summary")
        await picture(ada, "summary", height=900)

        shown = await ada.text()
        for text in ("12,345", "Pending", "Failed", "Record invalid", "81", "1,003"):
            assert text in shown, text
        await ada.open("/integrations")
        await ada.look("integrations")


async def test_renaming_pausing_resuming_and_deleting(installation: Installation) -> None:
    shop = await installation.create()
    async with installation.signed_in() as ada:
        main = ada.page.locator("main")
        await ada.open(f"/integrations/{shop.integration_id}/settings")
        await ada.fill("Display name", LONG)
        await ada.press("Rename")
        await expect(main).to_contain_text(LONG.strip())
        await ada.fill("Display name", "Shop")
        await ada.press("Rename")
        await ada.press("Pause")
        await ada.look("settings-paused")
        await expect(main).to_contain_text("Every push is refused until you resume it")
        await ada.press("Resume")
        await expect(main).to_contain_text("Pushes are accepted again")

        await ada.press("Delete integration")
        await ada.fill("Type the schema name", "shop")
        await ada.press("Delete permanently")
        await expect(main).to_contain_text("Nothing was deleted")
        await ada.look("delete")
        await ada.fill("Type the schema name", shop.schema_name)
        await ada.press("Delete permanently")
        await expect(main).to_contain_text("Shop was deleted")

        await ada.open(f"/integrations/{shop.integration_id}/activity")
        await ada.look("activity")
        shown = await ada.text()
        for text in ("deleted this integration", "paused", "resumed", "renamed", "created"):
            assert text in shown, text
        assert "ada@acme.example" in shown


async def test_a_label_tells_tokens_apart(installation: Installation) -> None:
    shop = await installation.create()
    assert shop.token is not None
    async with installation.signed_in() as ada:
        await ada.open(f"/integrations/{shop.integration_id}/settings")
        await ada.page.get_by_text("Labels", exact=True).click()
        await ada.fill(
            f"Label for …{shop.token.access_token[-4:]}", "the old server, in the cellar"
        )
        await ada.press(f"Save label for …{shop.token.access_token[-4:]}")

        await expect(ada.page.get_by_role("rowheader").first).to_contain_text("in the cellar")
