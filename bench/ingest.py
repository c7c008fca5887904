"""Ingest: pushes of one record and of a thousand records, and the memory they take."""

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
class Workload:
    """How floor and product are loaded, and the path of the floor to compare with."""

    name: str
    payload: str
    connections: int
    floor_path: str
    unit: str
    records: int
    reach: float


WORKLOADS = (
    Workload(
        name="one record a push, 64 connections",
        payload="small",
        connections=64,
        floor_path="/read",
        unit="requests/s",
        records=1,
        reach=0.45,
    ),
    Workload(
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
        measure_rate, token=created.token.access_token, client_id=context.client_id
    )
    ingest = {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_ingest")}
    floors: dict[str, float] = defaultdict(float)
    products: dict[str, float] = defaultdict(float)
    memory = 0.0
    # Floor and product alternate, so that other work on the machine affects both.
    for _ in range(ROUNDS):
        async with serving(context, "bench.floor", {}) as served:
            for workload in WORKLOADS:
                reached = await push(served, workload, path=workload.floor_path)
                floors[workload.name] = max(floors[workload.name], reached)
        async with serving(context, "services.ingest", ingest) as served:
            for workload in WORKLOADS:
                reached = await push(served, workload, path="/v2/import/push")
                products[workload.name] = max(products[workload.name], reached)
            memory = max(memory, served.peak_resident_megabytes())
    return [
        *(
            Measure(
                measure=workload.name,
                value=products[workload.name],
                unit=workload.unit,
                floor=floors[workload.name],
                reach=workload.reach,
            )
            for workload in WORKLOADS
        ),
        Measure(
            measure="peak resident memory of ingest",
            value=memory,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
    ]


async def measure_rate(
    served: Served, workload: Workload, *, path: str, token: str, client_id: int
) -> float:
    """The rate reached, in the unit of the workload."""
    orders = Orders(
        port=served.port,
        path=path,
        token=token,
        client_id=client_id,
        payload=workload.payload,
        connections=workload.connections,
        warm_up_seconds=WARM_UP_SECONDS,
        seconds=SECONDS,
    )
    return Seen(**await carried_out("bench.load", orders)).per_second * workload.records
