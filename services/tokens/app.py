"""The token service's application and its settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web
from asyncpg import Pool, Record

from services.runtime import openapi
from services.runtime.clock import Clock
from services.runtime.config import Secret
from services.runtime.database import pool, reason_not_ready
from services.runtime.database_preflight import check_database
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings, background
from services.tokens.connect_api.routes import USE_CASES, add_connect_api
from services.tokens.limits import BODY_BYTES_MAX, CONNECTIONS_MAX
from services.tokens.middleware import request_middleware
from services.tokens.sign_in.one_time_links import OneTimeLinks
from services.tokens.sign_in.passwords import HashCost, Passwords
from services.tokens.sign_in.sessions import SessionLimits, Sessions
from services.tokens.sign_in.sign_in import SignIn
from services.tokens.use_cases.drift_monitor import DriftMonitor
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.data.daily_totals import DailyTotals
from services.tokens.web.data.verification import Verifier
from services.tokens.web.error_pages import error_response
from services.tokens.web.routes import add_pages
from services.tokens.web.site import SITE, Site
from services.tokens.web.templating import load_templates

LOOP_STOP_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class TokensSettings(ServerSettings):
    database_url: Secret
    port: int = 8800
    ops_port: int = 8810
    # The Import API's URL as shown on the pages; None: this host with ingest's port.
    import_url: str | None = None
    # Where people reach the pages; None: whatever address they come by. With https in it the
    # cookies are for TLS alone, whatever a proxy in front says or forgets to say.
    pages_url: str | None = None
    session_idle_seconds: int = field(
        default=28_800, metadata={"at_least": 60, "at_most": 2_592_000}
    )
    session_seconds_max: int = field(
        default=604_800, metadata={"at_least": 60, "at_most": 2_592_000}
    )
    # The minimums are those that OWASP recommends.
    password_memory_kib: int = field(
        default=47_104, metadata={"at_least": 19_456, "at_most": 1_048_576}
    )
    password_passes: int = field(default=2, metadata={"at_least": 2, "at_most": 20})


def build_app(settings: TokensSettings, *, clock: Clock) -> web.Application:
    app = web.Application(
        middlewares=[request_middleware(clock, render_error_page=error_response)],
        client_max_size=BODY_BYTES_MAX,
    )
    app[HEALTH] = Health()
    app[LIFECYCLE] = Lifecycle()

    async def database(app: web.Application) -> AsyncIterator[None]:
        async with pool(
            settings.database_url,
            application_name="pushgate tokens",
            connections_max=CONNECTIONS_MAX,
        ) as connections:
            async with connections.acquire() as connection:
                await check_database(connection, role="pushgate_tokens")
            app[USE_CASES] = UseCases(connections, clock)
            app[SITE] = await _site(settings, connections, app[USE_CASES], clock)
            app[HEALTH].checks["database"] = lambda: reason_not_ready(connections)
            yield
            await app[SITE].daily_totals.close()

    async def drift(app: web.Application) -> AsyncIterator[None]:
        monitor = DriftMonitor(settings.database_url, clock)
        async with background(app[LIFECYCLE], "drift", monitor.run, stop_seconds=LOOP_STOP_SECONDS):
            yield

    app.cleanup_ctx.append(database)
    app.cleanup_ctx.append(drift)
    add_connect_api(app)
    app.router.add_get(openapi.PATH, openapi.openapi_document, allow_head=False)
    add_pages(app)
    return app


async def _site(
    settings: TokensSettings, connections: Pool[Record], use_cases: UseCases, clock: Clock
) -> Site:
    passwords = Passwords(
        HashCost(memory_kib=settings.password_memory_kib, passes=settings.password_passes)
    )
    limits = SessionLimits(
        idle_seconds=settings.session_idle_seconds, seconds_max=settings.session_seconds_max
    )
    sessions = Sessions(connections, clock, limits)
    return Site(
        use_cases=use_cases,
        pool=connections,
        clock=clock,
        sessions=sessions,
        sign_in=SignIn(connections, clock, passwords, sessions),
        links=OneTimeLinks(connections, clock, passwords),
        verifier=Verifier(connections, clock),
        daily_totals=DailyTotals(connections, clock),
        templates=await asyncio.to_thread(load_templates),
        behind_proxy=settings.behind_proxy,
        session_seconds_max=settings.session_seconds_max,
        import_url=settings.import_url,
        pages_url=settings.pages_url and settings.pages_url.rstrip("/"),
    )
