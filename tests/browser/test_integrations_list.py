"""A list of many integrations: search and pages."""

from __future__ import annotations

from playwright.async_api import expect

from services.runtime.clock import SystemClock
from services.tokens.web.views.integrations import PAGE_SIZE
from tests.browser.installation import Installation
from tests.tokens import journal_rows

MANY = PAGE_SIZE + 5


async def test_one_of_many_is_found(installation: Installation) -> None:
    for n in range(MANY):
        await installation.use_cases.integrations.create(installation.caller, f"Shop {n:02}")
    unbroken = "ö" * 120
    busy = await installation.create(f"A shop with a long name of words that must wrap {unbroken}")
    assert busy.token is not None
    now = SystemClock().now()
    await journal_rows.use(installation.database, busy.integration_id, busy.token.token_id, now)
    await journal_rows.refuse(installation.database, busy.integration_id, None, now, requests=7)
    async with installation.signed_in() as ada:
        await ada.open("/integrations")
        await ada.look("integrations-many")
        await ada.press("Next")
        await expect(ada.page.get_by_text("Page 2 of 2")).to_be_visible()
        await ada.look("integrations-last")

        await ada.fill("Name or schema", "SHOP_42")
        await ada.press("Search")
        await expect(ada.page.get_by_role("link", name="Shop 42")).to_be_visible()
        await expect(ada.page.get_by_role("link", name="Shop 41")).to_have_count(0)

        await ada.fill("Name or schema", "nothing like it")
        await ada.press("Search")
        await ada.look("integrations-none-found")
