"""`python -m bench.pushing`: an app that pushes flights through the client, a process of its own.

Reads its orders as JSON from standard input, so that no token stands in a list of processes; writes
what it saw as JSON.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.payloads import FLIGHT_KEYS, flight
from pushgate_client import BATCH, PUSH, Delivery, Entry, Options, Outbox, PushClient

PART = 1_000
LARGE_BYTES = 19_000_000


@dataclass(frozen=True, kw_only=True)
class Orders:
    """``work``: ``push`` so many flights, or ``drain`` an outbox that holds more than memory."""

    work: str
    url: str
    token: str
    client_id: int
    flights: int = 0
    outbox: str | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    seconds: float
    peak_resident_megabytes: float
    waited_bytes: int = 0


async def push(orders: Orders) -> Seen:
    """From the first record to the answer for the last."""
    rows = [flight(number) for number in range(orders.flights)]
    client = PushClient(
        orders.url, token=orders.token, client_id=orders.client_id, outbox=orders.outbox
    )
    async with client:
        began = time.perf_counter()
        await client.push("flights", rows, keys=FLIGHT_KEYS)
        await client.emptied()
        return Seen(seconds=time.perf_counter() - began, peak_resident_megabytes=peak())


async def fill(orders: Orders) -> None:
    """Bodies of every size there is: large ones, those of a thousand records, and single ones."""
    assert orders.outbox is not None, "there is one to fill"
    options = Options(linger_seconds=0.0)
    async with PushClient(
        "http://127.0.0.1:9",
        token=orders.token,
        client_id=orders.client_id,
        outbox=orders.outbox,
        options=options,
    ) as client:
        await client.push("flights", _rows(orders.flights), keys=FLIGHT_KEYS)
    async with Outbox.open(orders.outbox) as outbox:
        large = b"x" * LARGE_BYTES
        for endpoint in (PUSH, BATCH) * 4:
            await outbox.append(Entry(endpoint, (endpoint,), large, 1, time.time_ns()))
        del large
        small = (Entry(PUSH, ("small",), b"[1]", 1, time.time_ns()) for _ in range(20_000))
        while some := list(itertools.islice(small, PART)):
            await asyncio.gather(*map(outbox.append, some))


async def drain(orders: Orders) -> Seen:
    assert orders.outbox is not None, "there is one to drain"
    async with Outbox.open(orders.outbox) as outbox:
        waited = outbox.counts().bytes
        began = time.perf_counter()
        async with Delivery(outbox, url=orders.url, token=orders.token) as delivery:
            await delivery.emptied()
        seconds = time.perf_counter() - began
    return Seen(seconds=seconds, peak_resident_megabytes=peak(), waited_bytes=waited)


def _rows(count: int) -> Iterator[dict[str, Any]]:
    return (flight(number) for number in range(count))


def peak() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("the kernel does not report the memory usage of a process")


async def work(orders: Orders) -> Seen:
    if orders.work == "push":
        return await push(orders)
    if orders.work == "fill":
        await fill(orders)
        return Seen(seconds=0.0, peak_resident_megabytes=peak())
    return await drain(orders)


def main() -> None:
    orders = Orders(**orjson.loads(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(orjson.dumps(asdict(asyncio.run(work(orders)))))


if __name__ == "__main__":
    main()
