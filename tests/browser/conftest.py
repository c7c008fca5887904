"""A browser for each worker, and a token service with its own database."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from asyncpg import Connection, Record
from playwright.async_api import Browser, async_playwright
from pytest_aiohttp.plugin import AiohttpServer

from events.sql_files import load_queries
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.tokens.app import TokensSettings, build_app
from services.tokens.connect_api.routes import USE_CASES
from services.tokens.web.site import SITE
from services.tokens.web.templating import load_templates
from tests.browser.checking import HtmlValidator, PageChecks
from tests.browser.installation import IMPORT_URL, Installation
from tests.browser.tools import CHROMIUM_FLAGS, Missing, chromium, page_checks
from tests.database.fixtures import RoleUrl


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


@pytest.fixture(scope="session", autouse=True)
def statements_and_templates_are_read() -> None:
    """As the program does before its event loop starts."""
    for package in ("events", "services.tokens", "services.tokens.web", "services.runtime"):
        load_queries(package)
    load_templates()


@pytest.fixture
def database_url(emptied_database_url: str) -> str:
    return emptied_database_url


@pytest.fixture
async def installation(
    aiohttp_server: AiohttpServer,
    role_url: RoleUrl,
    database: Connection[Record],
    browser: Browser,
    checks: PageChecks,
) -> Installation:
    """The token service, with one account."""
    settings = TokensSettings(
        database_url=Secret(role_url("pushgate_tokens")),
        import_url=IMPORT_URL,
        # Far below the floors of the settings: a test is no place to wait.
        password_memory_kib=8,
        password_passes=1,
    )
    app = build_app(settings, clock=SystemClock())
    server = await aiohttp_server(app)
    use_cases = app[USE_CASES]
    account = await use_cases.accounts.open("Acme")
    return Installation(
        origin=str(server.make_url("")).rstrip("/"),
        use_cases=use_cases,
        links=app[SITE].links,
        account=account,
        database=database,
        browser=browser,
        checks=checks,
    )
