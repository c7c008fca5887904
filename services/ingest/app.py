"""Puts ingest together."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler as RouteHandler
from aiohttp.typedefs import Middleware
from asyncpg import Connection, Pool, Record

from protocol.limits import BODY_BYTES_MAX
from protocol.refusals.edge import MethodNotAllowed
from services.ingest.batch import BatchIntake
from services.ingest.commit.committer import GroupCommitter
from services.ingest.commit.transaction import GroupTransaction
from services.ingest.intake import IngestServices, Intake
from services.ingest.push import PushIntake
from services.ingest.reporting.access_log import AccessLog
from services.ingest.reporting.refusal_reporter import RefusalReporter
from services.ingest.reporting.usage_stats import UsageStats
from services.ingest.reporting.usage_writer import UsageWriter
from services.ingest.token_cache.cache import TokenCache
from services.ingest.token_cache.lookup import TokenLookup
from services.ingest.token_cache.mirror import TokenMirror
from services.ingest.validate import ValidateIntake
from services.journal.partitions import maintain_partitions, make_partitions
from services.receiving.body_reader import BodyReader
from services.receiving.http_answers import refusal_response
from services.receiving.memory_budget import MemoryBudget
from services.receiving.status import StatusEndpoint
from services.receiving.validation_workers.pool import ValidationWorkers
from services.runtime import openapi
from services.runtime.clock import Clock, wait_for
from services.runtime.config import Secret
from services.runtime.database import connect, pool, reason_not_ready
from services.runtime.database_preflight import check_database
from services.runtime.hardened_http import DIRECT_ROUTES, MALFORMED_HANDLER
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import (
    LIFECYCLE,
    Lifecycle,
    ServerSettings,
    background,
)
from services.runtime.metrics import INGEST_IN_FLIGHT_BYTES

LOOKUP_CONNECTIONS_MAX = 4
# Six bodies of the largest size, or thousands of usual ones.
IN_FLIGHT_BYTES_MAX = 128 * 1024 * 1024
# So long a batch can be loaded again; its receipt stays for ever.
KEEP_BODIES_DAYS = 14
# So long anybody can look up what was refused.
KEEP_REFUSALS_DAYS = 90
# Started without the mirror after this; until it follows, each unknown token is asked for.
MIRROR_SECONDS_MAX = 5.0
# A loop that is told to end has this long for what it is doing.
LOOP_STOP_SECONDS = 5.0

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, kw_only=True)
class IngestSettings(ServerSettings):
    database_url: Secret
    port: int = 8801
    ops_port: int = 8811
    body_bytes_max: int = field(
        default=BODY_BYTES_MAX, metadata={"at_least": 1, "at_most": BODY_BYTES_MAX}
    )
    in_flight_bytes_max: int = field(default=IN_FLIGHT_BYTES_MAX, metadata={"at_least": 1})
    # A request whose database went away under its commit waits this long to hear what became of it.
    outcome_seconds_max: float = field(default=20.0, metadata={"at_least": 0})
    keep_bodies_days: int = field(default=KEEP_BODIES_DAYS, metadata={"at_least": 1})
    # A batch without keys that comes again within this time is taken once; 0 takes each as new.
    repeat_hours: float = field(default=24.0, metadata={"at_least": 0, "at_most": 24 * 365})
    keep_refusals_days: int = field(default=KEEP_REFUSALS_DAYS, metadata={"at_least": 1})
    # Answers every import with the region error, so that clients can be tried against it.
    refuse_region: bool = False


def build_app(settings: IngestSettings, *, clock: Clock) -> web.Application:
    """To be called inside the event loop."""
    # We inflate ourselves, or refuse: aiohttp takes a gzip cut in half for whole.
    app = web.Application(handler_args={"auto_decompress": False})
    app[HEALTH] = Health()
    app[LIFECYCLE] = Lifecycle()
    in_flight = MemoryBudget(settings.in_flight_bytes_max)
    INGEST_IN_FLIGHT_BYTES.set_function(lambda: in_flight.bytes)
    readings = BodyReader(body_bytes_max=settings.body_bytes_max)
    lookups = _lookups(settings)
    lines = AccessLog(clock)
    beliefs, counts = TokenCache(), UsageStats()
    committer = GroupCommitter(
        functools.partial(_connect, settings, "writer"),
        GroupTransaction(beliefs, lines, counts, clock=clock),
        outcome_seconds_max=settings.outcome_seconds_max,
    )

    checkers = ValidationWorkers()
    telling = RefusalReporter(lines, counts, beliefs, clock, behind_proxy=settings.behind_proxy)
    gate = IngestServices(
        memory_budget=in_flight,
        validation_workers=checkers,
        body_reader=readings,
        refusal_reporter=telling,
        clock=clock,
        refuse_region=settings.refuse_region,
        behind_proxy=settings.behind_proxy,
    )
    tokens = TokenLookup(lookups, beliefs)
    status = StatusEndpoint(lambda: reason_not_ready(lookups), clock)
    _add(app, "/v2/import/status", status.answer)
    seconds = int(settings.repeat_hours * 3600)
    push = PushIntake(gate, tokens, committer, repeat_seconds=seconds)
    batch = BatchIntake(gate, tokens, committer, repeat_seconds=seconds)
    _add_import(app, "/v2/import/push", push)
    _add_import(app, "/v2/import/batch", batch)
    app[DIRECT_ROUTES] = {"/v2/import/push": push.answer, "/v2/import/batch": batch.answer}
    mirrored = TokenLookup(lookups, beliefs, cache_when_unavailable=True)
    _add_import(app, "/v2/import/validate", ValidateIntake(gate, mirrored))
    _add(app, openapi.PATH, _openapi)
    _answer_the_rest(app, telling)

    app.on_shutdown.append(functools.partial(_stop_reading, readings, settings.drain_seconds))
    app.cleanup_ctx.append(functools.partial(_telling, lines=lines))
    app.cleanup_ctx.append(functools.partial(_checking, checkers=checkers))
    app.cleanup_ctx.append(functools.partial(_database, lookups=lookups))
    books = UsageWriter(
        lookups, counts, clock=clock, keep_refusals_days=settings.keep_refusals_days
    )
    app.cleanup_ctx.append(functools.partial(_keeping_books, books=books))
    mirror = TokenMirror(functools.partial(_connect, settings, "mirror"), beliefs)
    app.cleanup_ctx.append(functools.partial(_mirroring, mirror=mirror))
    app.cleanup_ctx.append(functools.partial(_committing, committer=committer))
    app.cleanup_ctx.append(
        functools.partial(_partitions, lookups=lookups, settings=settings, clock=clock)
    )
    return app


async def _stop_reading(readings: BodyReader, drain_seconds: float, _: web.Application) -> None:
    # The other half of the time is for committing what has been read.
    readings.stop(drain_seconds / 2)


def _lookups(settings: IngestSettings) -> Pool[Record]:
    return pool(
        settings.database_url,
        application_name="pushgate ingest",
        connections_max=LOOKUP_CONNECTIONS_MAX,
        reset=_leave_as_it_is,
    )


def _add_import(app: web.Application, path: str, intake: Intake) -> None:
    app.router.add_route("*", path, intake.answer, expect_handler=intake.expect)


def _add(app: web.Application, path: str, answer: Handler) -> None:
    app.router.add_route("*", path, answer, expect_handler=_expect_nothing)


async def _expect_nothing(_: web.Request) -> None:
    """These answers need no body, so nobody is told to go on and send one."""


async def _openapi(request: web.Request) -> web.Response:
    if request.method not in ("GET", "HEAD"):
        return refusal_response(MethodNotAllowed("GET, HEAD"), "other")
    return await openapi.openapi_document(request)


def _answer_the_rest(app: web.Application, telling: RefusalReporter) -> None:
    """What is no endpoint, no path (``OPTIONS *``) and no HTTP."""
    # A line may be in a path, as %0A.
    _add(app, "/{anything:(?s:.*)}", telling.not_found)
    app.middlewares.append(_unmatched(telling))
    app[MALFORMED_HANDLER] = telling.malformed


def _unmatched(telling: RefusalReporter) -> Middleware:
    """The server's own answer to what has no route is not the contract's."""

    @web.middleware
    async def answer(request: web.Request, handler: RouteHandler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            return await telling.not_found(request)

    return answer


async def _leave_as_it_is(_: Connection[Record]) -> None:
    """A lookup changes nothing in its session: cleaning up would cost as much as the lookup."""


async def _connect(settings: IngestSettings, what_for: str) -> Connection[Record]:
    return await connect(settings.database_url, application_name=f"pushgate ingest {what_for}")


async def _telling(_: web.Application, *, lines: AccessLog) -> AsyncIterator[None]:
    """Entered first: the lines of the last group are written when all else is closed."""
    yield
    await asyncio.to_thread(lines.write)


async def _checking(_: web.Application, *, checkers: ValidationWorkers) -> AsyncIterator[None]:
    yield
    await checkers.close()


async def _database(_: web.Application, *, lookups: Pool[Record]) -> AsyncIterator[None]:
    async with lookups:
        async with lookups.acquire() as connection:
            await check_database(connection, role="pushgate_ingest")
        yield


async def _keeping_books(app: web.Application, *, books: UsageWriter) -> AsyncIterator[None]:
    """Left after the last group, so that its uses are written too."""
    async with background(app[LIFECYCLE], "books", books.run, stop_seconds=LOOP_STOP_SECONDS):
        yield


async def _mirroring(app: web.Application, *, mirror: TokenMirror) -> AsyncIterator[None]:
    async with background(app[LIFECYCLE], "mirror", mirror.run, stop_seconds=LOOP_STOP_SECONDS):
        await wait_for(mirror.in_sync, MIRROR_SECONDS_MAX)
        yield


async def _committing(app: web.Application, *, committer: GroupCommitter) -> AsyncIterator[None]:
    app[HEALTH].checks["journal"] = committer.reason_not_ready
    lifecycle = app[LIFECYCLE]
    async with background(lifecycle, "commit", committer.run, stop_seconds=LOOP_STOP_SECONDS):
        yield


async def _partitions(
    app: web.Application, *, lookups: Pool[Record], settings: IngestSettings, clock: Clock
) -> AsyncIterator[None]:
    pause_seconds = await make_partitions(lookups, clock)

    async def keep(ending: asyncio.Event) -> None:
        await maintain_partitions(
            lookups,
            clock,
            ending,
            pause_seconds=pause_seconds,
            keep_bodies_days=settings.keep_bodies_days,
        )

    async with background(app[LIFECYCLE], "partitions", keep, stop_seconds=LOOP_STOP_SECONDS):
        yield
