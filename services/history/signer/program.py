"""The signer as a program: signs soon after each append, and polls in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from asyncpg import Connection, Record

from events.sql_files import load_queries
from services.history.signer.files import BadKeyFile, SignerFiles
from services.history.signer.signing import LogDoesNotExtend, Signer, SignerStateMissing
from services.runtime.backoff import Backoff
from services.runtime.clock import Clock, wait_for
from services.runtime.config import Secret
from services.runtime.database import AWAY, connect
from services.runtime.database_preflight import check_database
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings, background
from services.runtime.logs import Log
from services.runtime.metrics import (
    SIGNER_LOG_EVENTS,
    SIGNER_LOOKED_SECONDS,
    SIGNER_SIGNED_EVENTS,
)

ROLE = "pushgate_signer"
# The supervisor does not restart a program that exits with this.
EXIT_INCONSISTENT = 3
# Appends within this time share a checkpoint.
CHECKPOINT_INTERVAL_SECONDS = 1.0
# The delay of a lost notification.
POLL_SECONDS = 5.0
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.5, 5.0


@dataclass(frozen=True, kw_only=True)
class SignerSettings(ServerSettings):
    """``signer_dir`` contains the key and the last checkpoint; created when missing."""

    database_url: Secret
    signer_dir: str = field(default=".pushgate/signer")
    port: int = 0  # it serves no requests
    ops_port: int = 8814


def build_app(settings: SignerSettings, *, clock: Clock) -> web.Application:
    app = web.Application()
    app[LIFECYCLE], app[HEALTH] = Lifecycle(), Health()
    loop = SigningLoop(settings, clock=clock, lifecycle=app[LIFECYCLE])
    app[HEALTH].checks["signing"] = loop.reason_not_ready

    async def signing(_: web.Application) -> AsyncIterator[None]:
        async with background(app[LIFECYCLE], "signing", loop.run, stop_seconds=5.0):
            yield

    app.cleanup_ctx.append(signing)
    return app


class SigningLoop:
    def __init__(self, settings: SignerSettings, *, clock: Clock, lifecycle: Lifecycle) -> None:
        self._settings = settings
        self._clock = clock
        self._lifecycle = lifecycle
        self._not_ready_reason: str | None = "the log has not been read yet"

    async def reason_not_ready(self) -> str | None:
        return self._not_ready_reason

    async def run(self, stopping: asyncio.Event) -> None:
        files = SignerFiles(Path(self._settings.signer_dir))
        try:
            signer = await asyncio.to_thread(Signer, files, self._clock)
        except (BadKeyFile, SignerStateMissing) as error:
            Log().error("signer.refused", reason=str(error))
            # After a restart it finds the files repaired, or exits again.
            self._lifecycle.fail(str(error))
            await stopping.wait()
            return
        backoff = Backoff(min_seconds=RETRY_SECONDS_MIN, max_seconds=RETRY_SECONDS_MAX)
        while not stopping.is_set():
            try:
                await self._sign_while_connected(signer, stopping, backoff)
            except AWAY as error:
                self._not_ready_reason = f"the database is unavailable: {type(error).__name__}"
                seconds = backoff.next_seconds()
                Log().warning("signer.reconnecting", error=repr(error), retry_seconds=seconds)
                await wait_for(stopping, seconds)

    async def _sign_while_connected(
        self, signer: Signer, stopping: asyncio.Event, backoff: Backoff
    ) -> None:
        appended = asyncio.Event()
        async with _listening(self._settings.database_url, appended) as connection:
            while not stopping.is_set():
                appended.clear()
                try:
                    await self._sign(signer, connection)
                    backoff.reset()
                except (LogDoesNotExtend, SignerStateMissing) as error:
                    await self._halt(connection, error)
                    await stopping.wait()
                    return
                await wait_for(stopping, CHECKPOINT_INTERVAL_SECONDS)
                await _wait_for_any(stopping, appended, seconds=POLL_SECONDS)

    async def _sign(self, signer: Signer, connection: Connection[Record]) -> None:
        try:
            checkpoint = await signer.sign_next(connection)
        finally:
            SIGNER_LOG_EVENTS.set(signer.log_events)
        self._not_ready_reason = None
        SIGNER_LOOKED_SECONDS.set(self._clock.now().timestamp())
        SIGNER_SIGNED_EVENTS.set(signer.size)
        if checkpoint is not None:
            Log().info(
                "checkpoint.signed",
                origin=checkpoint.origin,
                size=checkpoint.size,
                root=checkpoint.root.hex(),
            )

    async def _halt(self, connection: Connection[Record], error: Exception) -> None:
        Log().error("log.inconsistent", reason=str(error))
        self._not_ready_reason = str(error)
        if isinstance(error, LogDoesNotExtend):
            # Nothing is signed from here on, whether or not the halt can be recorded.
            with contextlib.suppress(*AWAY):
                await connection.execute(load_queries("services.history")["halt"], str(error))
        self._lifecycle.fail(str(error), exit_code=EXIT_INCONSISTENT)


@contextlib.asynccontextmanager
async def _listening(url: Secret, appended: asyncio.Event) -> AsyncIterator[Connection[Record]]:
    """A connection of its own; each append, and the loss of the connection, sets ``appended``."""
    connection = await connect(url, application_name="pushgate signer")
    try:
        await check_database(connection, role=ROLE)
        connection.add_termination_listener(lambda *_: appended.set())
        await connection.add_listener("ledger", lambda *_: appended.set())
        yield connection
    finally:
        await connection.close(timeout=2)


async def _wait_for_any(*events: asyncio.Event, seconds: float) -> None:
    """Returns when one of them is set or ``seconds`` have passed."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
