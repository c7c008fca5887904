"""Assembles ingest: its settings, routes, connections and background loops."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from asyncpg import Connection, Pool, Record

from protocol.limits import BODY_BYTES_MAX
from protocol.refusals.edge import MethodNotAllowed
from services.ingest.admission import admit
from services.ingest.endpoints import ImportEndpoint
from services.ingest.intake import IngestServices
from services.ingest.reporting.access_log import AccessLog
from services.ingest.reporting.commit_reporter import CommitReporter
from services.ingest.reporting.refusal_reporter import RefusalReporter
from services.ingest.reporting.usage_stats import UsageStats
from services.ingest.reporting.usage_writer import UsageWriter
from services.ingest.token_cache.cache import TokenCache
from services.ingest.token_cache.lookup import TokenLookup
from services.ingest.token_cache.mirror import TokenMirror
from services.journal.commit.committer import GroupCommitter
from services.journal.commit.transaction import GroupTransaction
from services.journal.interfaces import IngestJournal
from services.journal.partitions import maintain_partitions, make_partitions
from services.receiving.body_reader import BodyReader
from services.receiving.endpoint import BATCH, PUSH, VALIDATE
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
# Six bodies of the maximum size, or thousands of ordinary ones.
IN_FLIGHT_BYTES_MAX = 128 * 1024 * 1024
# For this long a batch can be loaded again; its receipt is kept permanently.
KEEP_BODIES_DAYS = 14
# For this long refused requests can be looked up.
KEEP_REFUSALS_DAYS = 90
# Ingest starts without the mirror after this; until it is in sync, every cache miss is looked up.
MIRROR_SECONDS_MAX = 5.0
# A background loop has this long to finish what it is doing when the program stops.
LOOP_STOP_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class IngestSettings(ServerSettings):
    database_url: Secret
    port: int = 8801
    ops_port: int = 8811
    body_bytes_max: int = field(
        default=BODY_BYTES_MAX, metadata={"at_least": 1, "at_most": BODY_BYTES_MAX}
    )
    in_flight_bytes_max: int = field(
        default=IN_FLIGHT_BYTES_MAX, metadata={"at_least": 1, "at_most": 2**40}
    )
    # How long a request waits for its outcome after the connection broke under its commit.
    outcome_seconds_max: float = field(default=20.0, metadata={"at_least": 0, "at_most": 3_600})
    keep_bodies_days: int = field(
        default=KEEP_BODIES_DAYS, metadata={"at_least": 1, "at_most": 36_500}
    )
    # A batch without keys that is repeated within this time is accepted once; 0 disables this.
    repeat_hours: float = field(default=24.0, metadata={"at_least": 0, "at_most": 24 * 365})
    keep_refusals_days: int = field(
        default=KEEP_REFUSALS_DAYS, metadata={"at_least": 1, "at_most": 36_500}
    )
    # Answers every import with the region error, to test clients against it.
    refuse_region: bool = False


def build_app(settings: IngestSettings, *, clock: Clock) -> web.Application:
    """To be called inside the event loop."""
    # Intake decompresses bodies itself: aiohttp accepts a gzip that was cut in half.
    app = web.Application(handler_args={"auto_decompress": False})
    app[HEALTH] = Health()
    app[LIFECYCLE] = Lifecycle()
    lookups = _lookups(settings)
    cache, usage_stats, access_log = TokenCache(), UsageStats(), AccessLog(clock)
    journal = GroupCommitter(
        functools.partial(_connect, settings, "writer"),
        GroupTransaction(cache, admit, CommitReporter(access_log, usage_stats), clock=clock),
        outcome_seconds_max=settings.outcome_seconds_max,
    )
    services = IngestServices(
        memory_budget=MemoryBudget(settings.in_flight_bytes_max),
        validation_workers=ValidationWorkers(),
        body_reader=BodyReader(body_bytes_max=settings.body_bytes_max),
        refusal_reporter=RefusalReporter(
            access_log, usage_stats, cache, clock, behind_proxy=settings.behind_proxy
        ),
        clock=clock,
        refuse_region=settings.refuse_region,
        behind_proxy=settings.behind_proxy,
    )
    INGEST_IN_FLIGHT_BYTES.set_function(lambda: services.memory_budget.bytes)
    idempotency_seconds = int(settings.repeat_hours * 3600)
    endpoints = [
        ImportEndpoint(
            endpoint,
            services,
            TokenLookup(lookups, cache, cache_when_unavailable=not endpoint.stores),
            journal,
            idempotency_seconds=idempotency_seconds,
        )
        for endpoint in (PUSH, BATCH, VALIDATE)
    ]
    _add_routes(app, endpoints, StatusEndpoint(lambda: reason_not_ready(lookups), clock))
    _answer_the_rest(app, services.refusal_reporter)

    # Entered in this order, and left in the reverse order.
    app.on_shutdown.append(
        functools.partial(_stop_reading, services.body_reader, settings.drain_seconds)
    )
    usage_writer = UsageWriter(
        lookups, usage_stats, clock=clock, keep_refusals_days=settings.keep_refusals_days
    )
    mirror = TokenMirror(functools.partial(_connect, settings, "mirror"), cache)
    app.cleanup_ctx.extend(
        [
            functools.partial(_write_access_log, access_log=access_log),
            functools.partial(_close_workers, workers=services.validation_workers),
            functools.partial(_open_lookups, lookups=lookups),
            functools.partial(_run_usage_writer, usage_writer=usage_writer),
            functools.partial(_run_mirror, mirror=mirror),
            functools.partial(_run_journal, journal=journal),
            functools.partial(_run_partitions, lookups=lookups, settings=settings, clock=clock),
        ]
    )
    return app


# --- routes ----------------------------------------------------------------------------------


def _add_routes(
    app: web.Application, endpoints: Sequence[ImportEndpoint], status: StatusEndpoint
) -> None:
    for endpoint in endpoints:
        app.router.add_route("*", endpoint.path, endpoint.answer, expect_handler=endpoint.expect)
    app[DIRECT_ROUTES] = {endpoint.path: endpoint.answer for endpoint in endpoints}
    _add(app, "/v2/import/status", status.answer)
    _add(app, openapi.PATH, _openapi)


def _add(app: web.Application, path: str, answer: Handler) -> None:
    app.router.add_route("*", path, answer, expect_handler=_ignore_expect)


async def _ignore_expect(_: web.Request) -> None:
    """These responses need no body, so the client gets no 100 to go on and send one."""


async def _openapi(request: web.Request) -> web.Response:
    if request.method not in ("GET", "HEAD"):
        return refusal_response(MethodNotAllowed("GET, HEAD"), "other")
    return await openapi.openapi_document(request)


def _answer_the_rest(app: web.Application, refusal_reporter: RefusalReporter) -> None:
    """Requests to other paths or without one (``OPTIONS *``), and bytes that are no HTTP."""
    # (?s:) because a path may contain a line feed, as %0A.
    _add(app, "/{anything:(?s:.*)}", refusal_reporter.not_found)
    app.middlewares.append(_unmatched(refusal_reporter))
    app[MALFORMED_HANDLER] = refusal_reporter.malformed


def _unmatched(refusal_reporter: RefusalReporter) -> Middleware:
    """Replaces aiohttp's own response to a request without a route by the contract's."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            return await refusal_reporter.not_found(request)

    return answer


# --- connections -----------------------------------------------------------------------------


def _lookups(settings: IngestSettings) -> Pool[Record]:
    return pool(
        settings.database_url,
        application_name="pushgate ingest",
        connections_max=LOOKUP_CONNECTIONS_MAX,
        reset=_no_reset,
    )


async def _no_reset(_: Connection[Record]) -> None:
    """A lookup changes nothing in its session, and a reset costs as much as the lookup."""


async def _connect(settings: IngestSettings, purpose: str) -> Connection[Record]:
    return await connect(settings.database_url, application_name=f"pushgate ingest {purpose}")


# --- start and stop --------------------------------------------------------------------------


async def _stop_reading(reader: BodyReader, drain_seconds: float, _: web.Application) -> None:
    # The other half of the time is for committing what has been read.
    reader.stop(drain_seconds / 2)


async def _write_access_log(_: web.Application, *, access_log: AccessLog) -> AsyncIterator[None]:
    """Entered first: the lines of the last group are written after everything else is closed."""
    yield
    await asyncio.to_thread(access_log.write)


async def _close_workers(_: web.Application, *, workers: ValidationWorkers) -> AsyncIterator[None]:
    yield
    await workers.close()


async def _open_lookups(_: web.Application, *, lookups: Pool[Record]) -> AsyncIterator[None]:
    async with lookups:
        async with lookups.acquire() as connection:
            await check_database(connection, role="pushgate_ingest")
        yield


async def _run_usage_writer(
    app: web.Application, *, usage_writer: UsageWriter
) -> AsyncIterator[None]:
    """Left after the journal, so that the uses of the last group are written too."""
    run = usage_writer.run
    async with background(app[LIFECYCLE], "usage", run, stop_seconds=LOOP_STOP_SECONDS):
        yield


async def _run_mirror(app: web.Application, *, mirror: TokenMirror) -> AsyncIterator[None]:
    async with background(app[LIFECYCLE], "mirror", mirror.run, stop_seconds=LOOP_STOP_SECONDS):
        await wait_for(mirror.in_sync, MIRROR_SECONDS_MAX)
        yield


async def _run_journal(app: web.Application, *, journal: IngestJournal) -> AsyncIterator[None]:
    app[HEALTH].checks["journal"] = journal.reason_not_ready
    async with background(app[LIFECYCLE], "commit", journal.run, stop_seconds=LOOP_STOP_SECONDS):
        yield


async def _run_partitions(
    app: web.Application, *, lookups: Pool[Record], settings: IngestSettings, clock: Clock
) -> AsyncIterator[None]:
    pause_seconds = await make_partitions(lookups, clock)

    async def maintain(ending: asyncio.Event) -> None:
        await maintain_partitions(
            lookups,
            clock,
            ending,
            pause_seconds=pause_seconds,
            keep_bodies_days=settings.keep_bodies_days,
        )

    async with background(app[LIFECYCLE], "partitions", maintain, stop_seconds=LOOP_STOP_SECONDS):
        yield
