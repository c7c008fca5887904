"""The client: flights with an outbox against the same without, and its memory whatever waits."""

import shutil
from statistics import median

from bench.measure import ROUNDS, Context, Measure
from bench.orders import carried_out
from bench.pushing import Orders, Seen
from bench.system import Served, serving

FLIGHTS = 336_776
# Contents of the outbox that is sent: flights, in addition to large bodies and single records.
FLIGHTS_WAITING = 500_000
REACH = 0.6
MEMORY_MEGABYTES_MAX = 100.0


async def measure(context: Context) -> list[Measure]:
    created = await context.create_integration("Bench client")
    assert created.token is not None
    token = created.token.access_token
    ingest = {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_ingest")}
    straight: list[Seen] = []
    through: list[Seen] = []
    async with serving(context, "services.ingest", ingest) as served:
        # In turn, so that what else the machine does falls on both.
        for number in range(ROUNDS):
            straight.append(await worked(context, served, token, "push", FLIGHTS))
            outbox = f"outbox-{number}"
            through.append(await worked(context, served, token, "push", FLIGHTS, outbox=outbox))
            shutil.rmtree(context.directory / outbox)
    async with serving(context, "bench.floor", {}) as floor:
        filled = await worked(context, floor, token, "fill", FLIGHTS_WAITING, outbox="filled")
        drained = await worked(context, floor, token, "drain", 0, outbox="filled")
    return [
        Measure(
            measure="flights through the client with an outbox",
            value=FLIGHTS / median(each.seconds for each in through),
            unit="records/s",
            floor=FLIGHTS / median(each.seconds for each in straight),
            reach=REACH,
        ),
        Measure(
            measure="peak memory of a client that fills an outbox",
            value=filled.peak_resident_megabytes,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
        Measure(
            measure=f"the same while it sends the {drained.waited_bytes / 1e6:,.0f} MB that wait",
            value=drained.peak_resident_megabytes,
            unit="MB",
            reach=MEMORY_MEGABYTES_MAX,
        ),
    ]


async def worked(
    context: Context, served: Served, token: str, work: str, flights: int, *, outbox: str = ""
) -> Seen:
    orders = Orders(
        work=work,
        url=f"http://127.0.0.1:{served.port}",
        token=token,
        client_id=context.client_id,
        flights=flights,
        outbox=str(context.directory / outbox) if outbox else None,
    )
    return Seen(**await carried_out("bench.pushing", orders))
