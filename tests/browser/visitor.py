"""A visitor in a browser, who fails the test on console errors and blocked requests."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from playwright.async_api import Browser, Error, Page, Request, Response

from tests.browser.checking import HEIGHT, WIDE, PageChecks

# Chromium's own words for a page whose answer was a refusal; the test says which it wants.
_REFUSAL = "Failed to load resource"

TABS_MAX = 60
# What has the focus: what it is called, and whether a ring is drawn around it.
WHERE = """() => {
  const at = document.activeElement;
  const words = at.labels?.length ? at.labels[0].innerText : at.ariaLabel || at.innerText || "";
  const style = getComputedStyle(at);
  return [words.trim().replace(/\\s+/g, " "), style.outlineStyle !== "none"];
}"""


class Visitor:
    """``page`` is Playwright's; ``trouble`` is what the browser complained about or was denied."""

    def __init__(self, page: Page, origin: str, checks: PageChecks) -> None:
        self.page = page
        self.origin = origin
        self.trouble: list[str] = []
        self._checks = checks
        self._document: Response | None = None
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.trouble.append(f"script: {error}"))

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.trouble.append(f"a request to another host: {request.url}")

    def _answered(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request() and request.frame == self.page.main_frame:
            self._document = response

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not text.startswith(_REFUSAL):
            self.trouble.append(f"{kind}: {text}")

    async def keep_cookie(self, name: str, value: str) -> None:
        await self.page.context.add_cookies([{"name": name, "value": value, "url": self.origin}])

    async def open(self, path: str) -> Response:
        response = await self.page.goto(self.origin + path)
        assert response is not None
        return response

    @property
    def answer(self) -> Response:
        """To the last navigation, whatever its method."""
        assert self._document is not None, "no page was opened yet"
        return self._document

    async def html(self) -> str:
        """As the server sent it."""
        return await self.answer.text()

    async def look(self, name: str) -> None:
        """Hold the page that is open to what every page is held to, and take its pictures."""
        try:
            html = await self.html()
        except Error:
            # Chromium forgets the body of a page that it went back to.
            html = await (await self.page.context.request.get(self.page.url)).text()
        await self.look_at(html, name)

    async def look_at(self, html: str, name: str) -> None:
        await self._checks.hold(self.page, html, name)

    async def press(self, name: str) -> None:
        """A button or a link that leads on, by what a screen reader calls it."""
        button = self.page.get_by_role("button", name=name, exact=True)
        link = self.page.get_by_role("link", name=name, exact=True)
        async with self.page.expect_navigation():
            await button.or_(link).first.click()

    async def fill(self, label: str, text: str) -> None:
        await self.page.get_by_label(label).fill(text)

    async def tab_to(self, name: str) -> None:
        """With the keyboard alone, to what begins with these words; and one sees where one is."""
        for _ in range(TABS_MAX):
            await self.page.keyboard.press("Tab")
            found, seen = await self.page.evaluate(WHERE)
            if found.startswith(name):
                assert seen, f"the focus on {name} is not to be seen"
                return
        raise AssertionError(f"{name} is not reached with the keyboard")

    async def text(self) -> str:
        return await self.page.inner_text("main")


@contextlib.asynccontextmanager
async def visiting(
    browser: Browser, origin: str, checks: PageChecks, *, scripts: bool = True
) -> AsyncGenerator[Visitor]:
    """A profile of its own; fails at the end if the browser had anything to complain about."""
    context = await browser.new_context(
        viewport={"width": WIDE, "height": HEIGHT},
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"],
        service_workers="block",
    )
    context.set_default_timeout(30_000)
    visitor = Visitor(await context.new_page(), origin, checks)
    try:
        yield visitor
        assert not visitor.trouble, "\n".join(visitor.trouble)
    finally:
        await context.close()
