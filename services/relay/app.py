"""The relay as a program: assembles its parts and runs until it is stopped."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
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
from services.relay.handlers import EndpointHandler, RelayServices
from services.relay.status_page import StatusPage, log_delivery_event
from services.runtime.clock import Clock
from services.runtime.config import Secret
from services.runtime.hardened_http import DIRECT_ROUTES, HardenedRunner
from services.runtime.logs import Log

# The memory budget for bodies: two of the largest, or hundreds of ordinary ones.
IN_FLIGHT_BYTES_MAX = 40_000_000
DRAIN_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class RelaySettings:
    """``port`` 0: a free one. ``secret`` None: programs on the same machine may push."""

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
    """Receives and delivers for the length of the block; yields the relay's URL.

    On exit it stops listening, finishes the requests and deliveries in hand, and leaves undelivered
    entries in the outbox. Raises OutboxLocked, and OSError if the port is in use.
    """
    opened = Outbox.open(
        settings.directory, bytes_max=settings.bytes_max, on_full="raise", said=_log_repair
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


async def run_relay(
    settings: RelaySettings, *, clock: Clock, on_ready: Callable[[str], None]
) -> None:
    """Runs until SIGTERM or SIGINT. ``on_ready`` gets the relay's URL once it listens.

    Raises the error that ended the delivery, should that end by itself.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running_relay(settings, clock=clock) as (url, delivery):
        on_ready(url)
        stopped = asyncio.ensure_future(stopping.wait())
        failed = asyncio.ensure_future(delivery.failed())
        try:
            await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
        finally:
            stopped.cancel()
            failed.cancel()


@contextlib.asynccontextmanager
async def _serving(settings: RelaySettings, outbox: Outbox, clock: Clock) -> AsyncIterator[str]:
    services = RelayServices(
        outbox=outbox,
        memory_budget=MemoryBudget(IN_FLIGHT_BYTES_MAX),
        body_reader=BodyReader(body_bytes_max=BODY_BYTES_MAX),
        validation_workers=ValidationWorkers(),
        clock=clock,
        secret=settings.secret,
    )
    app = _app(settings, services)

    async def stop_reading(_: web.Application) -> None:
        services.body_reader.stop(DRAIN_SECONDS / 2)

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
        await services.validation_workers.close()


def _app(settings: RelaySettings, services: RelayServices) -> web.Application:
    app = web.Application(handler_args={"auto_decompress": False})
    page = StatusPage(
        services.outbox, url=settings.url, directory=settings.directory, secret=settings.secret
    )
    handlers = {
        endpoint.path: EndpointHandler(endpoint, services).handle
        for endpoint in (PUSH, BATCH, VALIDATE)
    }
    for path, handler in handlers.items():
        app.router.add_route("*", path, handler)
    app[DIRECT_ROUTES] = handlers
    status = StatusEndpoint(page.reason_not_ready, services.clock)
    app.router.add_route("*", "/v2/import/status", status.answer)
    app.router.add_get("/status", page.status)
    app.router.add_get("/status.css", page.style)
    app.router.add_get("/metrics", page.metrics)
    app.router.add_route("*", "/{anything:.*}", _not_found)
    return app


async def _not_found(_: web.Request) -> web.Response:
    return refusal_response(PathNotFound(), "other")


def _log_repair(sentence: str) -> None:
    Log().warning("outbox.repaired", what=sentence)
