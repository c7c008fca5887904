"""A browser for each worker, and the token service in front of a database of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.checking import HtmlValidator, PageChecks
from tests.browser.tools import CHROMIUM_FLAGS, Missing, chromium, page_checks

# Starting Chromium and fetching from npm happen inside the first test of a worker.
SECONDS_MAX = 150


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(SECONDS_MAX))


@pytest.fixture(scope="session")
async def browser() -> AsyncGenerator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("no Chromium is installed (.ci/packages installs Debian's)")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
async def checks() -> AsyncGenerator[PageChecks]:
    try:
        packages = await page_checks()
    except Missing as missing:
        pytest.skip(str(missing))
    validator = await HtmlValidator.start(packages)
    yield PageChecks(packages, validator)
    await validator.stop()
