"""A token service with one account, and browsers of its members."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from asyncpg import Connection, Record
from playwright.async_api import Browser

from events.types import Role
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.sign_in.one_time_links import OneTimeLinks
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.integrations import CreatedIntegration
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.headers import SESSION_COOKIE
from tests.browser.checking import PageChecks
from tests.browser.visitor import Visitor, visiting

IMPORT_URL = "https://push.acme.example"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    origin: str
    use_cases: UseCases
    links: OneTimeLinks
    account: OpenedAccount
    database: Connection[Record]
    browser: Browser
    checks: PageChecks

    @property
    def caller(self) -> Caller:
        return system_caller(self.account.account_id)

    @contextlib.asynccontextmanager
    async def signed_in(
        self, email: str = "ada@acme.example", role: Role = "owner", *, scripts: bool = True
    ) -> AsyncGenerator[Visitor]:
        """Signed in, with PASSWORD, and in front of an empty tab."""
        link = await self.use_cases.members.invite(self.caller, email, role)
        session = await self.links.use(link.secret, email=email, password=PASSWORD, peer=None)
        async with visiting(self.browser, self.origin, self.checks, scripts=scripts) as visitor:
            await visitor.keep_cookie(SESSION_COOKIE, session)
            yield visitor

    def stranger(self) -> contextlib.AbstractAsyncContextManager[Visitor]:
        """Not signed in."""
        return visiting(self.browser, self.origin, self.checks)

    async def create(self, name: str = "Shop orders") -> CreatedIntegration:
        """With a token."""
        return await self.use_cases.integrations.create(self.caller, name, with_token=True)
