"""The signer as a program: it signs soon after an append, and looks on its own in between."""

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
from services.runtime.clock import Clock
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
# The supervisor does not start a program again that ends with this.
EXIT_INCONSISTENT = 3
# Appends within this time share a checkpoint.
CHECKPOINT_INTERVAL_SECONDS = 1.0
# The bell is only a hint: a lost one costs this much.
POLL_SECONDS = 5.0
RETRY_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class SignerSettings(ServerSettings):
    """``signer_dir`` holds the key and the last checkpoint; it is made when it is missing."""

    database_url: Secret
    signer_dir: str = field(default=".pushgate/signer")
    port: int = 0  # it serves nobody
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
        self._not_ready_reason: str | None = "the first look at the log"

    async def reason_not_ready(self) -> str | None:
        return self._not_ready_reason

    async def run(self, ending: asyncio.Event) -> None:
        files = SignerFiles(Path(self._settings.signer_dir))
        try:
            signer = await asyncio.to_thread(Signer, files, self._clock)
        except (BadKeyFile, SignerStateMissing) as error:
            Log().error("signer.refused", reason=str(error))
            # Started again it finds the files mended, or ends again.
            self._lifecycle.fail(str(error))
            await ending.wait()
            return
        while not ending.is_set():
            try:
                await self._sign_while_connected(signer, ending)
            except AWAY as error:
                self._not_ready_reason = f"the database does not answer: {type(error).__name__}"
                Log().warning("signer.waiting", error=repr(error), retry_seconds=RETRY_SECONDS)
                await _wait_for_any(ending, seconds=RETRY_SECONDS)

    async def _sign_while_connected(self, signer: Signer, ending: asyncio.Event) -> None:
        appended = asyncio.Event()
        async with _listening(self._settings.database_url, appended) as connection:
            while not ending.is_set():
                appended.clear()
                try:
                    await self._sign(signer, connection)
                except (LogDoesNotExtend, SignerStateMissing) as error:
                    await self._halt(connection, error)
                    await ending.wait()
                    return
                await _wait_for_any(ending, seconds=CHECKPOINT_INTERVAL_SECONDS)
                await _wait_for_any(ending, appended, seconds=POLL_SECONDS)

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
            # Whether or not it can be written down: nothing is signed any more.
            with contextlib.suppress(*AWAY):
                await connection.execute(load_queries("services.history")["halt"], str(error))
        self._lifecycle.fail(str(error), exit_code=EXIT_INCONSISTENT)


@contextlib.asynccontextmanager
async def _listening(url: Secret, appended: asyncio.Event) -> AsyncIterator[Connection[Record]]:
    """A connection of its own; the bell rings when it hears of an append or breaks."""
    connection = await connect(url, application_name="pushgate signer")
    try:
        await check_database(connection, role=ROLE)
        connection.add_termination_listener(lambda *_: appended.set())
        await connection.add_listener("ledger", lambda *_: appended.set())
        yield connection
    finally:
        await connection.close(timeout=2)


async def _wait_for_any(*events: asyncio.Event, seconds: float) -> None:
    """Until one of them is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
