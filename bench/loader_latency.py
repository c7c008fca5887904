"""From the sending of a push to its row's being visible, while ingest takes half of what it can."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import replace
from statistics import quantiles

import aiohttp
import orjson
from asyncpg import Connection, Record

from bench.load import Orders, Seen
from bench.loading import loader_environment, nothing_waits
from bench.measure import Context, Measure
from bench.orders import carried_out
from bench.payloads import FIRST_SEQUENCE, SMALL_KEYS, record
from bench.system import serving
from services.runtime.clock import SystemClock
from services.runtime.database import connect

CONNECTIONS = 64
LIMIT_SECONDS = 4.0
# As long as the prepared requests last without a sequence coming twice.
PACED_SECONDS = 10.0
PROBE_EVERY_SECONDS = 0.04
POLL_SECONDS = 0.01
VISIBLE_SECONDS_MAX = 60.0
# The pushes of the load have smaller ids.
FIRST_PROBE = 10_000_000
P50_MILLISECONDS_MAX = 1_000.0
P99_MILLISECONDS_MAX = 3_000.0


async def measure(context: Context) -> list[Measure]:
    created = await context.create_integration("Bench latency")
    assert created.token is not None
    token = created.token.access_token
    async with serving(
        context, "services.ingest", {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_ingest")}
    ) as ingest:
        orders = Orders(
            port=ingest.port,
            path="/v2/import/push",
            token=token,
            client_id=context.client_id,
            payload="small",
            connections=CONNECTIONS,
            warm_up_seconds=1.0,
            seconds=LIMIT_SECONDS,
        )
        limit = (await _load(orders)).per_second
        async with serving(context, "services.loader", loader_environment(context)):
            await _all_loaded(context)
            paced = replace(
                orders,
                seconds=PACED_SECONDS,
                per_second=limit / 2,
                first_sequence=FIRST_SEQUENCE + 1_000_000_000,
            )
            table = f"{created.schema_name}.customers"
            async with _probing(context, paced, table) as milliseconds:
                reached = (await _load(paced)).per_second
    hundredths = quantiles(milliseconds, n=100)
    return [
        Measure(
            measure="push to visible row at half the ingest limit, p50",
            value=hundredths[49],
            unit="ms",
            reach=P50_MILLISECONDS_MAX,
        ),
        Measure(
            measure="the same, p99", value=hundredths[98], unit="ms", reach=P99_MILLISECONDS_MAX
        ),
        Measure(measure="pushes meanwhile, one record each", value=reached, unit="requests/s"),
        Measure(measure="pushes at the limit, loader idle", value=limit, unit="requests/s"),
    ]


async def _load(orders: Orders) -> Seen:
    return Seen(**await carried_out("bench.load", orders))


async def _all_loaded(context: Context) -> None:
    owner = await connect(context.role_url("pushgate_owner"), application_name="bench")
    try:
        await nothing_waits(owner)
    finally:
        await owner.close()


@contextlib.asynccontextmanager
async def _probing(context: Context, orders: Orders, table: str) -> AsyncIterator[list[float]]:
    """Times of our own pushes, sent during the load as long as the block runs."""
    ending = asyncio.Event()
    destination = await connect(context.destination_url, application_name="bench")
    headers = {"Authorization": f"Bearer {orders.token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{orders.port}", headers=headers) as session:
        probes = _Probes(session, destination, orders.client_id, table)
        async with asyncio.TaskGroup() as group:
            group.create_task(probes.push_until(ending))
            group.create_task(probes.watch_until(ending))
            try:
                yield probes.milliseconds
            finally:
                ending.set()
    await destination.close()


class _Probes:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        destination: Connection[Record],
        client_id: int,
        table: str,
    ) -> None:
        self.milliseconds: list[float] = []
        self._session = session
        self._destination = destination
        self._record = functools.partial(record, client_id, "customers", SMALL_KEYS)
        self._table = table
        self._clock = SystemClock()
        self._sent: dict[int, float] = {}

    async def push_until(self, ending: asyncio.Event) -> None:
        probe = FIRST_PROBE
        while not ending.is_set():
            probe += 1
            self._sent[probe] = self._clock.monotonic()
            body = orjson.dumps([self._record({"id": probe, "name": "Probe"}, probe)])
            async with self._session.post("/v2/import/push", data=body) as answer:
                if answer.status != 201:
                    raise RuntimeError(f"a probe was answered with {answer.status}")
            await asyncio.sleep(PROBE_EVERY_SECONDS)

    async def watch_until(self, ending: asyncio.Event) -> None:
        """To the end of the pushing, and then until all are visible."""
        async with asyncio.timeout(VISIBLE_SECONDS_MAX):
            while not ending.is_set() or self._sent:
                visible = await self._destination.fetch(
                    f"SELECT id FROM {self._table} WHERE id = ANY($1::bigint[])",  # noqa: S608 - ours
                    list(self._sent),
                )
                now = self._clock.monotonic()
                for (probe,) in visible:
                    self.milliseconds.append((now - self._sent.pop(probe)) * 1000)
                await asyncio.sleep(POLL_SECONDS)
