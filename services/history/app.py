"""The history service's application: serves the log and its proofs, and seals receipts."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from events.log import AnyConnection
from services.history import tiles
from services.history.access import BEHIND_PROXY, POOL, access_middleware
from services.history.append_notifier import AppendNotifier
from services.history.events_api import EventsApi
from services.history.receipts_api import ReceiptsApi
from services.history.seals import Sealer
from services.history.tokens_api import TokensApi
from services.runtime.clock import Clock
from services.runtime.config import Secret
from services.runtime.database import pool, reason_not_ready
from services.runtime.database_preflight import check_database
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings, background

CONNECTIONS_MAX = 8
LOOP_STOP_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class HistorySettings(ServerSettings):
    database_url: Secret
    port: int = 8802
    ops_port: int = 8812


def build_app(settings: HistorySettings, *, clock: Clock) -> web.Application:
    """Must be called inside the event loop."""
    app = web.Application(middlewares=[access_middleware])
    app[HEALTH], app[LIFECYCLE] = Health(), Lifecycle()
    app[BEHIND_PROXY] = settings.behind_proxy
    app[POOL] = pool(
        settings.database_url,
        application_name="pushgate history",
        connections_max=CONNECTIONS_MAX,
        reset=_no_reset,
    )
    app[tiles.ROOT_CACHE] = tiles.RootCache()
    notifier, sealer = AppendNotifier(), Sealer(app[POOL], clock)
    events_api = EventsApi(notifier, app[LIFECYCLE].stopping, clock)
    _add_routes(app, events_api, ReceiptsApi(events_api, sealer), TokensApi(events_api))
    app.cleanup_ctx.append(_database)
    app.cleanup_ctx.append(functools.partial(_background_tasks, settings, notifier, sealer))
    return app


def _add_routes(
    app: web.Application, events_api: EventsApi, receipts: ReceiptsApi, tokens: TokensApi
) -> None:
    path = "{place:[x0-9/]+(?:[.]p/[0-9]+)?}"
    app.router.add_routes(
        [
            web.get("/events", events_api.events, allow_head=False),
            web.get("/events/stream", events_api.stream, allow_head=False),
            web.get("/log/checkpoint", tiles.checkpoint),
            web.get("/log/checkpoints", tiles.checkpoints, allow_head=False),
            web.get("/log/keys", tiles.keys),
            web.get(f"/log/tile/entries/{path}", tiles.entry_bundle),
            web.get(f"/log/tile/{{level:0|[1-9][0-9]?}}/{path}", tiles.tile),
            web.get("/log/proof/{number:0|[1-9][0-9]{0,17}}", tiles.proof),
            web.get("/receipts", receipts.receipts, allow_head=False),
            web.post("/receipts/seal", receipts.seal),
            web.get("/receipts/at", receipts.received_at, allow_head=False),
            web.get("/tokens/{token_id:-?[0-9]{1,20}}", tokens.token, allow_head=False),
            web.get("/tokens/by-hash/{token_hash:[0-9a-f]{64}}", tokens.token, allow_head=False),
            web.get("/tokens/{token_id:-?[0-9]{1,20}}/receipts", tokens.receipts, allow_head=False),
        ]
    )


async def _no_reset(_: AnyConnection) -> None:
    """Nothing here changes a session, and resetting it would cost a round trip."""


async def _database(app: web.Application) -> AsyncIterator[None]:
    async with app[POOL] as connections:
        async with connections.acquire() as connection:
            await check_database(connection, role="pushgate_history")
        app[HEALTH].checks["database"] = lambda: reason_not_ready(connections)
        yield


async def _background_tasks(
    settings: HistorySettings, notifier: AppendNotifier, sealer: Sealer, app: web.Application
) -> AsyncIterator[None]:
    """The notifier also fires when the process stops, so that open streams end immediately."""
    lifecycle = app[LIFECYCLE]
    listen = functools.partial(notifier.listen, settings.database_url)
    async with (
        background(lifecycle, "append notifier", listen, stop_seconds=LOOP_STOP_SECONDS),
        background(lifecycle, "sealing", sealer.run, stop_seconds=LOOP_STOP_SECONDS),
    ):
        notifying = asyncio.create_task(_notify_when_stopping(lifecycle, notifier))
        yield
        notifying.cancel()


async def _notify_when_stopping(lifecycle: Lifecycle, notifier: AppendNotifier) -> None:
    await lifecycle.stopping.wait()
    notifier.notify()
