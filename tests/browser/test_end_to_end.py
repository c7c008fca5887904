"""From the first sign-in link to a rotated token, on `pushgate up`, with real pushes."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import Browser, expect

from cli.temporary_installation import TemporaryInstallation
from tests.browser.checking import PageChecks
from tests.browser.installation import PASSWORD
from tests.browser.test_procedures import token_in
from tests.browser.visitor import visiting
from tests.eventually import eventually

NAME = "The whole way"
# The journal tells of uses every few seconds.
LIVE_MILLISECONDS = 30_000


async def push(system: TemporaryInstallation, client_id: int, token: str, number: int) -> int:
    record = {"client_id": client_id, "table_name": "orders", "key_names": ["id"]} | {
        "action": "upsert", "sequence": number, "data": {"id": number},
    }  # fmt: skip
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.post(
            f"{system.installation.import_url()}/v2/import/push", json=[record]
        ) as response,
    ):
        return response.status


async def test_a_person_an_app_and_a_rotation(
    system: TemporaryInstallation, browser: Browser, checks: PageChecks
) -> None:
    invited = await system.run_json("members", "invite", "whole@way.example", "--role", "member")
    parts = urlsplit(invited["link"])
    async with visiting(browser, f"http://{parts.netloc}", checks) as ada:
        main = ada.page.locator("main")
        await ada.open(parts.path)
        await ada.fill("Password", PASSWORD)
        await ada.press("Save and sign in")
        await ada.open("/integrations/add/import-api")
        await ada.fill("Integration name", NAME)
        await ada.press("Save and Generate Token")
        old, shown = await token_in(ada), await ada.text()
        client_id = int(shown.split("your client id ")[1].split()[0])
        assert str(system.installation.import_url()) in shown
        await ada.press("Close and Continue")
        assert await push(system, client_id, old, 1) == 201

        async def loaded() -> bool:
            await ada.page.reload()
            return "Loaded" in await ada.text()

        await eventually(loaded, seconds=60)
        await ada.press("Settings")
        await ada.press("Rotate")
        await ada.press("Generate Token")
        new = await token_in(ada)
        await ada.press("Close and Continue")
        await expect(main).to_contain_text("Waiting for the first push")
        assert await push(system, client_id, new, 2) == 201
        await expect(main).to_contain_text("was first used", timeout=LIVE_MILLISECONDS)
        await expect(main).to_contain_text("You can revoke it", timeout=LIVE_MILLISECONDS)
        await ada.press(f"Revoke …{old[-4:]}")
        await ada.press(f"Revoke …{old[-4:]}")

        assert await push(system, client_id, old, 3) == 401
        assert await push(system, client_id, new, 3) == 201
        await ada.press("Activity")
        shown = await ada.text()
        for sentence in ("revoked token", "generated token", "created this integration"):
            assert sentence in shown, sentence
