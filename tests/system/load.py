"""Pushes without pause, and remembers of every record what the gate said about it."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import orjson

from services.runtime.clock import wait_for

CONNECTIONS = 6
RECORDS_A_PUSH = 20
# While the gate is away a client hears so at once; this keeps it from doing nothing else.
REST_SECONDS = 0.01


@dataclass
class Told:
    """Ids of records. Those of a push whose connection broke are in neither set."""

    acknowledged: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Gate:
    url: str
    token: str
    client_id: int


@contextlib.asynccontextmanager
async def pushing(gate: Gate) -> AsyncIterator[Told]:
    """Half of the connections push to the table ``keyed``, half to ``keyless``, no id twice."""
    told = Told()
    ids = itertools.count()
    stopping = asyncio.Event()
    limits = aiohttp.ClientTimeout(total=60)
    async with (
        aiohttp.ClientSession(
            gate.url, timeout=limits, headers={"Authorization": f"Bearer {gate.token}"}
        ) as session,
        asyncio.TaskGroup() as connections,
    ):
        for number in range(CONNECTIONS):
            keyed = number % 2 == 0
            connections.create_task(
                _push_on(session, gate, told, ids, stopping=stopping, keyed=keyed)
            )
        try:
            yield told
        finally:
            stopping.set()


async def _push_on(
    session: aiohttp.ClientSession,
    gate: Gate,
    told: Told,
    ids: "itertools.count[int]",
    *,
    stopping: asyncio.Event,
    keyed: bool,
) -> None:
    while not stopping.is_set():
        chosen = list(itertools.islice(ids, RECORDS_A_PUSH))
        path, body = (_push if keyed else _batch)(gate, chosen)
        try:
            async with session.post(
                path, data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            await wait_for(stopping, REST_SECONDS)
            continue
        told.statuses.add(answer.status)
        (told.acknowledged if answer.status == 201 else told.refused).update(chosen)
        if answer.status != 201:
            await wait_for(stopping, REST_SECONDS)


def _push(gate: Gate, ids: list[int]) -> tuple[str, bytes]:
    records = [
        {
            "client_id": gate.client_id,
            "table_name": "keyed",
            "key_names": ["id"],
            "action": "upsert",
            "sequence": 1,
            "data": {"id": each},
        }
        for each in ids
    ]
    return "/v2/import/push", orjson.dumps(records)


def _batch(_: Gate, ids: list[int]) -> tuple[str, bytes]:
    body = {
        "table_name": "keyless",
        "schema": {"properties": {"id": {"type": "integer"}}},
        "messages": [{"action": "upsert", "sequence": 1, "data": {"id": each}} for each in ids],
    }
    return "/v2/import/batch", orjson.dumps(body)
