"""`python -m bench.load`: the load generator, a process of its own, the same for floor and product.

Raw sockets, keep-alive, requests made beforehand: it must cost much less than what it measures.
One request is under way on each connection: the next is sent as soon as the last one is answered,
or at its time when a pace is asked for. Reads its orders as JSON from standard input, so that
no token stands in a list of processes; writes what it saw as JSON.
"""

import asyncio
import itertools
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import orjson
import uvloop

from bench.payloads import FIRST_SEQUENCE, MEDIA_TYPES, PAYLOADS

# Enough that no sequence comes twice in a run, or, of big ones, as many as fit in memory.
PREPARED_BYTES_MAX = 48_000_000
PREPARED_MAX = 100_000
_STATUS = slice(9, 12)


@dataclass(frozen=True, kw_only=True)
class Orders:
    """``path`` is asked with ``payload`` over ``connections`` for ``seconds`` after a warm-up."""

    port: int
    path: str
    token: str
    client_id: int
    payload: str
    connections: int
    warm_up_seconds: float
    seconds: float
    # Of all connections together; None: as fast as it goes.
    per_second: float | None = None
    # Sequences that no earlier load has used, so that every record is a new version of its row.
    first_sequence: int = FIRST_SEQUENCE


@dataclass(frozen=True, kw_only=True)
class Seen:
    requests: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


class Unexpected(Exception):
    """An answer that is not 201."""


class Pushing(asyncio.Protocol):
    """One connection. ``rest_seconds`` at least are between the sending of two requests."""

    def __init__(self, requests: "itertools.cycle[bytes]", rest_seconds: float) -> None:
        self.answered = 0
        self._loop = asyncio.get_running_loop()
        self.broken: asyncio.Future[None] = self._loop.create_future()
        self._rest_seconds = rest_seconds
        self._due = self._loop.time()
        self._requests = requests
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._send()

    def _send(self) -> None:
        self._due += self._rest_seconds
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        # Every expected answer ends in a JSON object without another inside.
        if not self._answer.endswith(b"}"):
            return
        if self._answer[_STATUS] != b"201":
            self._fail(Unexpected(self._answer[:500].decode("latin-1")))
            return
        self._answer = b""
        self.answered += 1
        if self._loop.time() >= self._due:
            self._send()
        else:
            self._loop.call_at(self._due, self._send)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(Unexpected(f"the connection was lost: {exc}"))

    def _fail(self, error: Unexpected) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)


def prepared(orders: Orders) -> list[bytes]:
    requests: list[bytes] = []
    media_type = MEDIA_TYPES.get(orders.payload, "application/json")
    total = 0
    for body in PAYLOADS[orders.payload](orders.client_id, orders.first_sequence):
        head = (
            f"POST {orders.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {orders.token}\r\nContent-Type: {media_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
        total += len(requests[-1])
        if total > PREPARED_BYTES_MAX or len(requests) == PREPARED_MAX:
            break
    return requests


async def push(orders: Orders, requests: list[bytes]) -> Seen:
    loop = asyncio.get_running_loop()
    supply = itertools.cycle(requests)
    rest_seconds = orders.connections / orders.per_second if orders.per_second else 0.0
    connections = [
        (
            await loop.create_connection(
                lambda: Pushing(supply, rest_seconds), "127.0.0.1", orders.port
            )
        )[1]
        for _ in range(orders.connections)
    ]
    await _unless_broken(connections, orders.warm_up_seconds)
    before, began = sum(c.answered for c in connections), time.perf_counter()
    await _unless_broken(connections, orders.seconds)
    after, ended = sum(c.answered for c in connections), time.perf_counter()
    return Seen(requests=after - before, seconds=ended - began)


async def _unless_broken(connections: list[Pushing], seconds: float) -> None:
    broken, _ = await asyncio.wait(
        [c.broken for c in connections], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    for failure in broken:
        failure.result()


def main() -> None:
    orders = Orders(**orjson.loads(sys.stdin.buffer.read()))
    seen = uvloop.run(push(orders, prepared(orders)))
    sys.stdout.buffer.write(orjson.dumps(asdict(seen)))


if __name__ == "__main__":
    main()
