"""Puts the history service together. So far it has no endpoints: its health is all it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from services.runtime.config import Secret
from services.runtime.database import pool, reason_not_ready
from services.runtime.fitness import check_fitness
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings

CONNECTIONS_MAX = 4


@dataclass(frozen=True, kw_only=True)
class HistorySettings(ServerSettings):
    database_url: Secret
    port: int = 8802
    ops_port: int = 8812


def build_app(settings: HistorySettings) -> web.Application:
    app = web.Application()
    app[HEALTH] = Health()
    app[LIFECYCLE] = Lifecycle()

    async def database(app: web.Application) -> AsyncIterator[None]:
        async with pool(
            settings.database_url,
            application_name="pushgate history",
            connections_max=CONNECTIONS_MAX,
        ) as connections:
            async with connections.acquire() as connection:
                await check_fitness(connection, role="pushgate_history")
            app[HEALTH].checks["database"] = lambda: reason_not_ready(connections)
            yield

    app.cleanup_ctx.append(database)
    return app
