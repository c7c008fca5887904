"""The loader's settings and its application: the worker, its health checks and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web
from asyncpg import Pool, Record

from events.ids import new_worker_id
from services.journal.claims import Claims, loader_application_name
from services.journal.interfaces import LoaderJournal
from services.loader.scheduling.retention import run_retention
from services.loader.scheduling.shared_state import LoadLimits
from services.loader.scheduling.worker import Worker
from services.loader.schema.identifiers import field_name, field_name_without_leading_nonletters
from services.runtime.clock import Clock, wait_for
from services.runtime.config import Secret
from services.runtime.database import AWAY, connect, pool, reason_not_ready
from services.runtime.database_preflight import check_database
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings, background
from services.runtime.metrics import (
    LOADER_FAILED_BATCHES,
    LOADER_PENDING_BATCHES,
    LOADER_PENDING_BYTES,
    LOADER_PENDING_SECONDS,
)

# For one statement in the destination; the longest is the activation of a version of many rows.
DESTINATION_SECONDS_MAX = 1800.0
# A loader that is stopped has this long to finish the loads in progress.
STOP_SECONDS = 20.0
BACKLOG_SECONDS = 2.0
LIMITS = LoadLimits()


@dataclass(frozen=True, kw_only=True)
class LoaderSettings(ServerSettings):
    database_url: Secret
    destination_url: Secret
    # Serves nothing; health checks and metrics are on the operations port.
    port: int = 0
    ops_port: int = 8813
    # Tables loaded at the same time: while the destination works on one, another is parsed.
    loader_slots: int = field(default=2, metadata={"at_least": 1, "at_most": 100})
    # How long a loader that hangs keeps its tables; one that died loses them immediately.
    lease_seconds: float = field(
        default=LIMITS.lease_seconds, metadata={"at_least": 1, "at_most": 86_400}
    )
    load_records_max: int = field(
        default=LIMITS.records, metadata={"at_least": 1, "at_most": 100_000_000}
    )
    load_bytes_max: int = field(default=LIMITS.bytes, metadata={"at_least": 1, "at_most": 2**40})
    # Whether field names lose what comes before their first letter or underscore (OP-6).
    strip_leading_nonletters: bool = False


def build_app(settings: LoaderSettings, *, clock: Clock) -> web.Application:
    """Call it inside the event loop."""
    app = web.Application()
    app[HEALTH] = Health()
    app[LIFECYCLE] = Lifecycle()
    holder = new_worker_id()
    database = pool(
        settings.database_url,
        application_name=loader_application_name(holder),
        measured_as="pushgate loader",
        connections_max=2 * settings.loader_slots,
    )
    journal = Claims(database, holder)
    worker = Worker(
        database,
        journal,
        functools.partial(
            connect,
            settings.destination_url,
            application_name="pushgate loader",
            command_seconds_max=DESTINATION_SECONDS_MAX,
        ),
        clock=clock,
        limits=LoadLimits(
            records=settings.load_records_max,
            bytes=settings.load_bytes_max,
            lease_seconds=settings.lease_seconds,
        ),
        slots=settings.loader_slots,
        field_name=field_name_without_leading_nonletters
        if settings.strip_leading_nonletters
        else field_name,
    )
    app.cleanup_ctx.append(functools.partial(_open_database, database=database))
    app.cleanup_ctx.append(functools.partial(_report_backlog, journal=journal))
    app.cleanup_ctx.append(functools.partial(_retention, database=database, clock=clock))
    app.cleanup_ctx.append(functools.partial(_run_worker, worker=worker))
    return app


async def _open_database(app: web.Application, *, database: Pool[Record]) -> AsyncIterator[None]:
    app[HEALTH].checks["journal"] = functools.partial(reason_not_ready, database)
    async with database:
        async with database.acquire() as connection:
            await check_database(connection, role="pushgate_loader")
        yield


async def _report_backlog(app: web.Application, *, journal: LoaderJournal) -> AsyncIterator[None]:
    async def measure(ending: asyncio.Event) -> None:
        while not ending.is_set():
            with contextlib.suppress(*AWAY):
                backlog = await journal.backlog()
                LOADER_PENDING_BATCHES.set(backlog.batches)
                LOADER_PENDING_BYTES.set(backlog.bytes)
                LOADER_PENDING_SECONDS.set(backlog.oldest_seconds)
                LOADER_FAILED_BATCHES.set(backlog.failed)
            await wait_for(ending, BACKLOG_SECONDS)

    async with background(app[LIFECYCLE], "backlog", measure, stop_seconds=1.0):
        yield


async def _retention(
    app: web.Application, *, database: Pool[Record], clock: Clock
) -> AsyncIterator[None]:
    retention = functools.partial(run_retention, database, clock)
    async with background(app[LIFECYCLE], "retention", retention, stop_seconds=1.0):
        yield


async def _run_worker(app: web.Application, *, worker: Worker) -> AsyncIterator[None]:
    app[HEALTH].checks["destination"] = worker.reason_not_ready
    async with background(app[LIFECYCLE], "load", worker.run, stop_seconds=STOP_SECONDS):
        yield
