"""Ingest: one record a push, a thousand records a push, and the memory that takes."""

import functools
from collections import defaultdict
from dataclasses import dataclass

from bench.load import Orders, Seen
from bench.measure import ROUNDS, Context, Measure
from bench.orders import carried_out
from bench.payloads import FLIGHTS_PER_PUSH
from bench.system import Served, serving

WARM_UP_SECONDS = 1.0
SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How floor and product are loaded, and which of the floor's paths is the floor."""

    name: str
    payload: str
    connections: int
    floor_path: str
    unit: str
    records: int
    reach: float


SHAPES = (
    Shape(
        name="one record a push, 64 connections",
        payload="small",
        connections=64,
        floor_path="/read",
        unit="requests/s",
        records=1,
        reach=0.45,
    ),
    Shape(
        name="1,000 records a push, 16 connections",
        payload="flights",
        connections=16,
        floor_path="/parse",
        unit="records/s",
        records=FLIGHTS_PER_PUSH,
        reach=0.60,
    ),
)
MEMORY_MEGABYTES_MAX = 200.0


async def measure(context: Context) -> list[Measure]:
    created = await context.create_integration("Bench ingest")
    assert created.token is not None
    push = functools.partial(
        reached_by, token=created.token.access_token, client_id=context.client_id
    )
    ingest = {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_ingest")}
    floors: dict[str, float] = defaultdict(float)
    products: dict[str, float] = defaultdict(float)
    memory = 0.0
    # Floor and product in turn, so that what else the machine does falls on both.
    for _ in range(ROUNDS):
        async with serving(context, "bench.floor", {}) as served:
            for shape in SHAPES:
                reached = await push(served, shape, path=shape.floor_path)
                floors[shape.name] = max(floors[shape.name], reached)
        async with serving(context, "services.ingest", ingest) as served:
            for shape in SHAPES:
                reached = await push(served, shape, path="/v2/import/push")
                products[shape.name] = max(products[shape.name], reached)
            memory = max(memory, served.peak_resident_megabytes())
    return [
        *(
            Measure(
                measure=shape.name,
                value=products[shape.name],
                unit=shape.unit,
                floor=floors[shape.name],
                reach=shape.reach,
            )
            for shape in SHAPES
        ),
        Measure(
            measure="peak resident memory of ingest",
            value=memory,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
    ]


async def reached_by(
    served: Served, shape: Shape, *, path: str, token: str, client_id: int
) -> float:
    """What was reached, in the shape's unit."""
    orders = Orders(
        port=served.port,
        path=path,
        token=token,
        client_id=client_id,
        payload=shape.payload,
        connections=shape.connections,
        warm_up_seconds=WARM_UP_SECONDS,
        seconds=SECONDS,
    )
    return Seen(**await carried_out("bench.load", orders)).per_second * shape.records
