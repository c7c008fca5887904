"""`python -m tests.system.outbox_app`: an app that may be killed at any moment.

Reads its orders as JSON from standard input. It pushes records with ids that count up from 0, each
also as the next version of one of a few rows, and writes down after each push how far it got;
started again it goes on from there, as an app does that reads from a source of its own.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson

from pushgate_client import Options, PushClient, TokenFile

RECORDS_A_PUSH = 20
ROWS_WITH_VERSIONS = 10
REST_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class Orders:
    """``progress`` is the file with the number of records that were pushed; ``stop`` ends it."""

    url: str
    token_file: str
    client_id: int
    outbox: str
    progress: str
    stop: str


class Progress:
    """How many records were pushed, in a file, and whether it is time to stop."""

    def __init__(self, orders: Orders) -> None:
        self._file = Path(orders.progress)
        self._stop = Path(orders.stop)
        self.pushed = int(self._file.read_text()) if self._file.exists() else 0

    @property
    def stops(self) -> bool:
        return self._stop.exists()

    def add(self, records: int) -> None:
        self.pushed += records
        replacing = self._file.with_suffix(".new")
        replacing.write_text(str(self.pushed))
        replacing.replace(self._file)


async def push_on(orders: Orders) -> None:
    progress = Progress(orders)
    client = PushClient(
        orders.url,
        token=TokenFile(orders.token_file),
        client_id=orders.client_id,
        outbox=orders.outbox,
        options=Options(linger_seconds=600),
    )
    async with client:
        while not progress.stops:
            ids = range(progress.pushed, progress.pushed + RECORDS_A_PUSH)
            await client.push("events", ({"id": id_} for id_ in ids), keys=["id"])
            versions = ({"id": id_ % ROWS_WITH_VERSIONS, "version": id_} for id_ in ids)
            await client.push("versions", versions, keys=["id"])
            progress.add(RECORDS_A_PUSH)
            await asyncio.sleep(REST_SECONDS)


if __name__ == "__main__":
    asyncio.run(push_on(Orders(**orjson.loads(sys.stdin.buffer.read()))))
