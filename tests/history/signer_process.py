"""The signer as a program of its own, as `up` and compose run it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path

from asyncpg import Connection, Record

from tests.eventually import eventually


@contextlib.asynccontextmanager
async def running_signer(database_url: str, directory: Path) -> AsyncGenerator[Process]:
    """``database_url`` is the signing role's; it is killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.history.signer"),
        env=dict(os.environ)
        | {
            "PUSHGATE_DATABASE_URL": database_url,
            "PUSHGATE_SIGNER_DIR": str(directory),
            "PUSHGATE_OPS_PORT": "0",
        },
        stderr=PIPE,
    )
    draining = asyncio.create_task(_drain(process))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await draining


async def _drain(process: Process) -> None:
    """A full pipe would stop it."""
    assert process.stderr is not None, "it was started with a pipe"
    async for _ in process.stderr:
        pass


async def until_signed(owner: Connection[Record]) -> None:
    """The newest checkpoint covers the whole log."""
    query = """
    SELECT h.size = (SELECT max(c.size) FROM ledger.checkpoint c
                      WHERE c.origin = 'pushgate/' || h.origin) FROM ledger.head h
    """
    await eventually(lambda: owner.fetchval(query), seconds=30)
