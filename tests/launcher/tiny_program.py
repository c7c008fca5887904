"""A program as small as one can be that lives like ours: its answer tells who it is.

Run as ``python -m tests.launcher.tiny_program``; without a socket it serves operations only.
"""

import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from aiohttp import web
from asyncpg import Pool

from services.runtime.clock import SystemClock
from services.runtime.config import Secret, read_settings
from services.runtime.database import pool, reason_not_ready
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings, run_program
from services.runtime.logs import configure_logs

DATABASE: web.AppKey[Pool] = web.AppKey("database", Pool)


@dataclass(frozen=True, kw_only=True)
class Settings(ServerSettings):
    database_url: Secret
    port: int = 0
    ops_port: int = 0


def build(settings: Settings) -> web.Application:
    app = web.Application()
    app[HEALTH], app[LIFECYCLE] = Health(), Lifecycle()

    async def connected(app: web.Application) -> AsyncGenerator[None]:
        url = settings.database_url
        async with pool(url, application_name="tiny", connections_max=2) as connections:
            app[HEALTH].checks["database"] = lambda: reason_not_ready(connections)
            app[DATABASE] = connections
            yield

    app.cleanup_ctx.append(connected)
    app.router.add_get("/", who_am_i)
    return app


async def who_am_i(request: web.Request) -> web.Response:
    user = await request.app[DATABASE].fetchval("SELECT current_user")
    return web.json_response({"user": user, "pid": os.getpid()})


def main() -> int:
    configure_logs("tiny")
    settings = read_settings(Settings, os.environ)
    serves = settings.listen_fd is not None
    return run_program(lambda: build(settings), settings, clock=SystemClock(), serves=serves)


if __name__ == "__main__":
    sys.exit(main())
