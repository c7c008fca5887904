"""Puts a relay together, and runs it until it is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from protocol.limits import BODY_BYTES_MAX
from protocol.refusals.edge import PathNotFound
from pushgate_client import Delivery, Outbox, TokenFile
from services.receiving.body_reader import BodyReader
from services.receiving.endpoint import BATCH, PUSH, VALIDATE
from services.receiving.http_answers import refusal_response
from services.receiving.memory_budget import MemoryBudget
from services.receiving.status import StatusEndpoint
from services.receiving.validation_workers.pool import ValidationWorkers
from services.relay.handlers import RelayEndpoint, RelayServices
from services.relay.status_page import StatusPage, log_delivery_event
from services.runtime.clock import Clock
from services.runtime.config import Secret
from services.runtime.hardened_http import DIRECT_ROUTES, HardenedRunner
from services.runtime.logs import Log

# Bodies in memory at once: two of the largest, or hundreds of usual ones.
IN_FLIGHT_BYTES_MAX = 40_000_000
DRAIN_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class RelaySettings:
    """``port`` 0: a free one. ``secret`` None: whoever reaches the address may push."""

    host: str
    port: int
    url: str
    directory: Path
    token_file: Path
    bytes_max: int
    secret: Secret | None


@contextlib.asynccontextmanager
async def running_relay(
    settings: RelaySettings, *, clock: Clock
) -> AsyncIterator[tuple[str, Delivery]]:
    """Takes in, and sends, for as long as the block runs; yields its address.

    Left in order: nothing new is let in, what is arriving is kept, what is under way is answered,
    and what still waits stays in the outbox. Raises OutboxLocked, and OSError for a port in use.
    """
    opened = Outbox.open(
        settings.directory, bytes_max=settings.bytes_max, on_full="raise", said=_mended
    )
    async with opened as outbox:
        delivery = Delivery(
            outbox,
            url=settings.url,
            token=TokenFile(settings.token_file),
            happened=log_delivery_event,
        )
        async with delivery, _serving(settings, outbox, clock) as address:
            yield address, delivery


async def run_relay(settings: RelaySettings, *, clock: Clock) -> None:
    """Until SIGTERM or SIGINT; raises what ended the sending, should it ever end by itself."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running_relay(settings, clock=clock) as (address, delivery):
        print(f"ready relay={address} outbox={settings.directory}", flush=True)
        told = asyncio.ensure_future(stopping.wait())
        died = asyncio.ensure_future(delivery.failed())
        try:
            await asyncio.wait({told, died}, return_when=asyncio.FIRST_COMPLETED)
            if died.done():
                died.result()
        finally:
            told.cancel()
            died.cancel()


@contextlib.asynccontextmanager
async def _serving(settings: RelaySettings, outbox: Outbox, clock: Clock) -> AsyncIterator[str]:
    readings = BodyReader(body_bytes_max=BODY_BYTES_MAX)
    checkers = ValidationWorkers()
    services = RelayServices(
        outbox=outbox,
        memory_budget=MemoryBudget(IN_FLIGHT_BYTES_MAX),
        body_reader=readings,
        validation_workers=checkers,
        clock=clock,
        secret=settings.secret,
    )
    app = _app(settings, services)

    async def stop_reading(_: web.Application) -> None:
        readings.stop(DRAIN_SECONDS / 2)

    app.on_shutdown.append(stop_reading)
    runner = HardenedRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=DRAIN_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        host, port = runner.addresses[0][:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        await runner.cleanup()
        await checkers.close()


def _app(settings: RelaySettings, services: RelayServices) -> web.Application:
    app = web.Application(handler_args={"auto_decompress": False})
    telling = StatusPage(
        services.outbox, url=settings.url, directory=settings.directory, secret=settings.secret
    )
    routes = {
        endpoint.path: RelayEndpoint(endpoint, services).answer
        for endpoint in (PUSH, BATCH, VALIDATE)
    }
    for path, answer in routes.items():
        app.router.add_route("*", path, answer)
    app[DIRECT_ROUTES] = routes
    app.router.add_route(
        "*", "/v2/import/status", StatusEndpoint(telling.reason_not_ready, services.clock).answer
    )
    app.router.add_get("/status", telling.status)
    app.router.add_get("/status.css", telling.style)
    app.router.add_get("/metrics", telling.metrics)
    app.router.add_route("*", "/{anything:.*}", _not_found)
    return app


async def _not_found(_: web.Request) -> web.Response:
    return refusal_response(PathNotFound(), "other")


def _mended(sentence: str) -> None:
    Log().warning("outbox.mended", what=sentence)
