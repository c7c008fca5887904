"""A token service with an account, and people who come to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from asyncpg import Connection, Record
from playwright.async_api import Browser

from events.types import Role
from services.tokens.authority import Caller, the_system
from services.tokens.handlers import CreatedIntegration, Handlers, OpenedAccount
from tests.browser.checking import PageChecks
from tests.browser.visitor import Visitor, visiting

IMPORT_URL = "https://push.acme.example"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    origin: str
    handlers: Handlers
    account: OpenedAccount
    database: Connection[Record]
    browser: Browser
    checks: PageChecks

    @property
    def caller(self) -> Caller:
        return the_system(self.account.account_id)

    @contextlib.asynccontextmanager
    async def somebody(
        self, email: str = "ada@acme.example", role: Role = "owner", *, scripts: bool = True
    ) -> AsyncGenerator[Visitor]:
        """Comes by a one-time link, chooses a password, and is in."""
        async with visiting(self.browser, self.origin, self.checks, scripts=scripts) as visitor:
            link = await self.handlers.members.invite(self.caller, email, role)
            await visitor.open(f"/link/{link.secret}")
            await visitor.fill("Password", PASSWORD)
            await visitor.press("Save and sign in")
            yield visitor

    async def create(self, name: str = "Shop orders") -> CreatedIntegration:
        """With a token."""
        return await self.handlers.create_integration(self.caller, name, with_token=True)
