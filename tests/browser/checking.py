"""The checks of every page: accessible, valid HTML, not wider than the screen; with screenshots."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Literal, NamedTuple

from playwright.async_api import Page

from tests.browser.tools import CHECKS, node
from tests.house.sources import ROOT
from tests.rounds import rounds

ARTEFACTS = ROOT / "build" / "pages"
WIDE, NARROW = 1280, 390
HEIGHT = 900
ANSWER_BYTES_MAX = 4 * 2**20

# The rules of WCAG 2 up to level AA, and what axe holds to be good manners.
AXE = """async (rules) => {
  const only = rules ? {runOnly: {type: "rule", values: rules}} : {};
  const found = await axe.run(document, {resultTypes: ["violations"], ...only});
  return found.violations.map(({id, help, nodes}) =>
    `${id}: ${help}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
}"""


# Tables of which something is out of sight, behind the edge that they scroll under.
CUT_OFF = """[...document.querySelectorAll(".stacked")]
  .filter((table) => table.scrollWidth > table.parentElement.clientWidth).length"""


# What depends on width and colours; the rest is the same in every look.
OF_A_LOOK = ["color-contrast", "scrollable-region-focusable", "target-size", "link-in-text-block"]


# Looks that are held to axe. In the small count the second one is held to the screen's width only,
# and no look is drawn, which is most of what a page costs.
AXE_LOOKS = rounds(small=1, full=4)
DRAWN = rounds(small=0, full=1) == 1


class Look(NamedTuple):
    """``rules``: of axe; None for all."""

    width: int
    scheme: Literal["light", "dark"]
    rules: list[str] | None


# A wide one in the light and a narrow one in the dark see everything; all four are for people.
LOOKS = [
    Look(WIDE, "light", None),
    Look(NARROW, "dark", OF_A_LOOK),
    Look(WIDE, "dark", OF_A_LOOK),
    Look(NARROW, "light", OF_A_LOOK),
]


class HtmlValidator:
    """One process of html-validate for all pages of a run."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, packages: Path) -> HtmlValidator:
        process = await asyncio.create_subprocess_exec(
            node(),
            CHECKS / "validate.mjs",
            packages,
            stdin=PIPE,
            stdout=PIPE,
            limit=ANSWER_BYTES_MAX,
        )
        return cls(process)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def errors(self, name: str, html: str) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"name": name, "html": html}).encode() + b"\n")
        answer: list[dict[str, Any]] = json.loads(await self._process.stdout.readline())
        lines = html.splitlines()
        return [
            f"{one['rule']}: {one['message']}: {lines[one['line'] - 1].strip()[:120]}"
            for one in answer
        ]


class PageChecks:
    def __init__(self, packages: Path, validator: HtmlValidator) -> None:
        self._axe = (packages / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
        self._validator = validator

    async def hold(self, page: Page, html: str, name: str) -> None:
        """Fails with everything that is wrong at once. ``html``: as the server sent it."""
        async with asyncio.TaskGroup() as both:
            errors = both.create_task(self._validator.errors(name, html))
            violations = both.create_task(self._looked_at(page, name))
        found = errors.result() + violations.result()
        assert not found, f"{name}:\n" + "\n".join(found)

    async def _looked_at(self, page: Page, name: str) -> list[str]:
        found: list[str] = []
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        await page.evaluate(self._axe)
        for place, look in enumerate(LOOKS[: rounds(small=2, full=4)]):
            await page.set_viewport_size({"width": look.width, "height": HEIGHT})
            await page.emulate_media(color_scheme=look.scheme)
            at = f"{look.width} pixels, {look.scheme}"
            if place < AXE_LOOKS:
                violations = await page.evaluate(AXE, look.rules)
                found += [f"{at}: {violation}" for violation in violations]
            wide = await page.evaluate("document.documentElement.scrollWidth")
            if wide > look.width:
                found.append(f"{at}: the page is {wide} pixels wide")
            if cut_off := await page.evaluate(CUT_OFF):
                found.append(f"{at}: {cut_off} tables are cut off")
            if DRAWN:
                file = ARTEFACTS / f"{name}-{look.width}-{look.scheme}.png"
                await page.screenshot(path=file, full_page=True, animations="disabled")
        await page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        await page.emulate_media(color_scheme="light")
        return found
