"""The relay: flights through it until the gate has them all, against pushing them straight."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import aiohttp

from bench.client import worked
from bench.measure import ROUNDS, Context, Measure
from bench.system import READY_SECONDS_MAX, STOP_SECONDS_MAX, Served, serving

FLIGHTS = 200_000
REACH = 0.5
MEMORY_MEGABYTES_MAX = 100.0
LOOK_SECONDS = 0.02
FORWARDED_SECONDS_MAX = 120.0


async def measure(context: Context) -> list[Measure]:
    created = await context.create_integration("Bench relay")
    assert created.token is not None
    token = created.token.access_token
    token_file = context.directory / "relay-token"
    await asyncio.to_thread(token_file.write_text, token)
    ingest = {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_ingest")}
    straight: list[float] = []
    relayed: list[float] = []
    memory = 0.0
    async with serving(context, "services.ingest", ingest) as gate:
        # In turn, so that what else the machine does falls on both.
        for number in range(ROUNDS):
            straight.append((await worked(context, gate, token, "push", FLIGHTS)).seconds)
            outbox = context.directory / f"relay-outbox-{number}"
            async with _relay(gate, outbox, token_file) as relay:
                seen = await worked(context, relay, "any", "push", FLIGHTS)
                pushed = time.perf_counter()
                await _nothing_waits(relay)
                # From the app's first record: its start does not count, here as there.
                relayed.append(seen.seconds + time.perf_counter() - pushed)
                memory = max(memory, relay.peak_resident_megabytes())
    return [
        Measure(
            measure="flights through the relay, until the gate has them",
            value=FLIGHTS / median(relayed),
            unit="records/s",
            floor=FLIGHTS / median(straight),
            reach=REACH,
        ),
        Measure(
            measure="peak memory of the relay meanwhile",
            value=memory,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
    ]


@contextlib.asynccontextmanager
async def _relay(gate: Served, outbox: Path, token_file: Path) -> AsyncIterator[Served]:
    """`pushgate relay`, from ready to stopped."""
    words = {
        "--listen": "127.0.0.1:0",
        "--outbox": str(outbox),
        "--token-file": str(token_file),
        "--url": f"http://127.0.0.1:{gate.port}",
    }
    given = [word for pair in words.items() for word in pair]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "relay", *given), stdout=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS_MAX):
            ready = (await process.stdout.readline()).decode()
        if not ready.startswith("ready "):
            raise RuntimeError("the relay did not start; its last words are above")
        yield Served(port=int(ready.split()[1].rpartition(":")[2]), pid=process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await process.wait()


async def _nothing_waits(relay: Served) -> None:
    async with asyncio.timeout(FORWARDED_SECONDS_MAX), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"http://127.0.0.1:{relay.port}/status") as answer:
                if not (await answer.json())["waiting"]:
                    return
            await asyncio.sleep(LOOK_SECONDS)
