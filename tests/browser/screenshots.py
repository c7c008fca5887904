"""The screenshots of docs/integrations.md.

They are drawn in every run, next to the other artefacts; ``PUSHGATE_WRITE_PICTURES=1`` puts them
into docs/pictures, where ``pngquant --ext .png --force 96`` makes them as small as they have to be.
"""

from __future__ import annotations

import os

from playwright.async_api import Locator

from tests.browser.checking import ARTEFACTS, HEIGHT, WIDE
from tests.browser.visitor import Visitor
from tests.house.sources import ROOT

PICTURES = ROOT / "docs" / "pictures"
PICTURE_WIDTH = 860
COVER = "#8a8f98"


async def picture(
    visitor: Visitor, name: str, *, height: int, covered: list[Locator] | None = None
) -> None:
    """Of the page that is open, from its top; ``covered``: secrets to cover."""
    folder = PICTURES if os.environ.get("PUSHGATE_WRITE_PICTURES") else ARTEFACTS
    await visitor.page.set_viewport_size({"width": PICTURE_WIDTH, "height": height})
    await visitor.page.screenshot(
        path=folder / f"{name}.png", mask=covered or [], mask_color=COVER, animations="disabled"
    )
    await visitor.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
