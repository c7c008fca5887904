"""Other formats of the same records, batch with a schema and Transit, against a JSON push."""

from collections import defaultdict
from dataclasses import dataclass

from bench.ingest import Workload, measure_rate
from bench.measure import ROUNDS, Context, Measure
from bench.system import serving

PUSH, BATCH = "/v2/import/push", "/v2/import/batch"


@dataclass(frozen=True, kw_only=True)
class Format:
    """``reach`` is relative to the JSON push, which is the floor here."""

    name: str
    payload: str
    path: str
    reach: float


FORMATS = (
    Format(
        name="1,000 records a batch, with their schema",
        payload="batches of flights",
        path=BATCH,
        reach=0.5,
    ),
    Format(
        name="1,000 records a push, in transit",
        payload="flights in transit",
        path=PUSH,
        reach=0.2,
    ),
)


async def measure(context: Context) -> list[Measure]:
    created = await context.create_integration("Bench wire")
    assert created.token is not None
    token = created.token.access_token
    floor = 0.0
    reached: dict[str, float] = defaultdict(float)
    async with serving(
        context, "services.ingest", {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_ingest")}
    ) as served:
        # They alternate, so that other work on the machine affects all.
        for _ in range(ROUNDS):
            pushed = await measure_rate(
                served, _workload("flights"), path=PUSH, token=token, client_id=context.client_id
            )
            floor = max(floor, pushed)
            for wire_format in FORMATS:
                rate = await measure_rate(
                    served,
                    _workload(wire_format.payload),
                    path=wire_format.path,
                    token=token,
                    client_id=context.client_id,
                )
                reached[wire_format.name] = max(reached[wire_format.name], rate)
    return [
        Measure(
            measure=wire_format.name,
            value=reached[wire_format.name],
            unit="records/s",
            floor=floor,
            reach=wire_format.reach,
        )
        for wire_format in FORMATS
    ]


def _workload(payload: str) -> Workload:
    return Workload(
        name=payload,
        payload=payload,
        connections=16,
        floor_path=PUSH,
        unit="records/s",
        records=1_000,
        reach=0.0,
    )
