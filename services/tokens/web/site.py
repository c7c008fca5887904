"""What all pages share: services, settings, URLs and the session cookie."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from asyncpg import Pool, Record

from services.runtime.clock import Clock
from services.runtime.http import caller_address
from services.tokens.sign_in.one_time_links import OneTimeLinks
from services.tokens.sign_in.sessions import Sessions, SignedIn
from services.tokens.sign_in.sign_in import SignIn
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.data.daily_totals import DailyTotals
from services.tokens.web.data.verification import Verifier
from services.tokens.web.headers import (
    SESSION_COOKIE,
    delete_cookie,
    get_cookie,
    is_https,
    set_cookie,
)
from services.tokens.web.templating import Templates


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """``import_url``: where apps push to; ``pages_url``: where people open the pages.

    None: not configured, so the URL of the request is used.
    """

    use_cases: UseCases
    pool: Pool[Record]
    clock: Clock
    sessions: Sessions
    sign_in: SignIn
    links: OneTimeLinks
    templates: Templates
    daily_totals: DailyTotals
    verifier: Verifier
    behind_proxy: bool
    session_seconds_max: int
    import_url: str | None
    pages_url: str | None

    def is_https(self, request: web.Request) -> bool:
        """Whether the browser uses TLS, also behind a proxy."""
        if self.pages_url is not None and self.pages_url.lower().startswith("https://"):
            return True
        return is_https(request, behind_proxy=self.behind_proxy)

    def base_url(self, request: web.Request) -> str:
        """The base URL of links that leave the pages, such as one-time links."""
        scheme = "https" if self.is_https(request) else "http"
        return self.pages_url or f"{scheme}://{request.host}"

    def caller_address(self, request: web.Request) -> str | None:
        return caller_address(request, behind_proxy=self.behind_proxy)

    def session_secret(self, request: web.Request) -> str | None:
        return get_cookie(request, SESSION_COOKIE, https=self.is_https(request))

    async def current_member(self, request: web.Request) -> SignedIn | None:
        secret = self.session_secret(request)
        return None if secret is None else await self.sessions.find(secret)

    def set_session_cookie(
        self, response: web.StreamResponse, request: web.Request, secret: str
    ) -> None:
        set_cookie(
            response,
            SESSION_COOKIE,
            secret,
            https=self.is_https(request),
            seconds=self.session_seconds_max,
        )

    def delete_session_cookie(self, response: web.StreamResponse, request: web.Request) -> None:
        delete_cookie(response, SESSION_COOKIE, https=self.is_https(request))


SITE: web.AppKey[Site] = web.AppKey("site", Site)
