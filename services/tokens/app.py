"""Puts the token service together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from services.runtime.clock import Clock
from services.runtime.config import Secret
from services.runtime.database import pool, reason_not_ready
from services.runtime.fitness import check_fitness
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings
from services.tokens.answering import answering
from services.tokens.connect_api import HANDLERS, add_connect_api
from services.tokens.handlers import Handlers
from services.tokens.limits import BODY_BYTES_MAX, CONNECTIONS_MAX


@dataclass(frozen=True, kw_only=True)
class TokensSettings(ServerSettings):
    database_url: Secret
    port: int = 8800
    ops_port: int = 8810


def build_app(settings: TokensSettings, *, clock: Clock) -> web.Application:
    app = web.Application(middlewares=[answering(clock)], client_max_size=BODY_BYTES_MAX)
    app[HEALTH] = Health()
    app[LIFECYCLE] = Lifecycle()

    async def database(app: web.Application) -> AsyncIterator[None]:
        async with pool(
            settings.database_url,
            application_name="pushgate tokens",
            connections_max=CONNECTIONS_MAX,
        ) as connections:
            async with connections.acquire() as connection:
                await check_fitness(connection, role="pushgate_tokens")
            app[HANDLERS] = Handlers(connections, clock)
            app[HEALTH].checks["database"] = lambda: reason_not_ready(connections)
            yield

    app.cleanup_ctx.append(database)
    add_connect_api(app)
    return app
