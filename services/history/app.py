"""Puts the history service together: it serves the log and its proofs, and seals receipts."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from events.log import AnyConnection
from services.history import tiles
from services.history.access import BEHIND_PROXY, POOL, for_readers_only
from services.history.append_notifier import Bell
from services.history.events_api import Feed
from services.history.receipts import Receipts
from services.history.seals import Sealer
from services.history.traces import Traces
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
    """To be called inside the event loop."""
    app = web.Application(middlewares=[for_readers_only])
    app[HEALTH], app[LIFECYCLE] = Health(), Lifecycle()
    app[BEHIND_PROXY] = settings.behind_proxy
    app[POOL] = pool(
        settings.database_url,
        application_name="pushgate history",
        connections_max=CONNECTIONS_MAX,
        reset=_leave_as_it_is,
    )
    app[tiles.KEPT] = tiles.KeptRoots()
    bell, sealer = Bell(), Sealer(app[POOL], clock)
    feed = Feed(bell, app[LIFECYCLE].stopping, clock)
    _add_routes(app, feed, Receipts(feed, sealer), Traces(feed))
    app.cleanup_ctx.append(_database)
    app.cleanup_ctx.append(functools.partial(_loops, settings, bell, sealer))
    return app


def _add_routes(app: web.Application, feed: Feed, receipts: Receipts, traces: Traces) -> None:
    place = "{place:[x0-9/]+(?:[.]p/[0-9]+)?}"
    app.router.add_routes(
        [
            web.get("/events", feed.events, allow_head=False),
            web.get("/events/stream", feed.stream, allow_head=False),
            web.get("/log/checkpoint", tiles.checkpoint),
            web.get("/log/checkpoints", tiles.checkpoints, allow_head=False),
            web.get("/log/keys", tiles.keys),
            web.get(f"/log/tile/entries/{place}", tiles.entry_bundle),
            web.get(f"/log/tile/{{level:0|[1-9][0-9]?}}/{place}", tiles.tile),
            web.get("/log/proof/{number:0|[1-9][0-9]{0,17}}", tiles.proof),
            web.get("/receipts", receipts.receipts, allow_head=False),
            web.post("/receipts/seal", receipts.seal),
            web.get("/receipts/at", traces.at_moment, allow_head=False),
            web.get("/tokens/{token_id:-?[0-9]{1,20}}", traces.token, allow_head=False),
            web.get("/tokens/by-hash/{token_hash:[0-9a-f]{64}}", traces.token, allow_head=False),
            web.get("/tokens/{token_id:-?[0-9]{1,20}}/receipts", traces.receipts, allow_head=False),
        ]
    )


async def _leave_as_it_is(_: AnyConnection) -> None:
    """Nothing here changes a session; resetting it costs a trip."""


async def _database(app: web.Application) -> AsyncIterator[None]:
    async with app[POOL] as connections:
        async with connections.acquire() as connection:
            await check_database(connection, role="pushgate_history")
        app[HEALTH].checks["database"] = lambda: reason_not_ready(connections)
        yield


async def _loops(
    settings: HistorySettings, bell: Bell, sealer: Sealer, app: web.Application
) -> AsyncIterator[None]:
    """The bell also rings when the process stops, so that open streams end at once."""
    lifecycle = app[LIFECYCLE]
    listen = functools.partial(bell.listen, settings.database_url)
    async with (
        background(lifecycle, "bell", listen, stop_seconds=LOOP_STOP_SECONDS),
        background(lifecycle, "sealing", sealer.run, stop_seconds=LOOP_STOP_SECONDS),
    ):
        ringing = asyncio.create_task(_ring_when_stopping(lifecycle, bell))
        yield
        ringing.cancel()


async def _ring_when_stopping(lifecycle: Lifecycle, bell: Bell) -> None:
    await lifecycle.stopping.wait()
    bell.ring()
