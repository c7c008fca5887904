"""The other ways to say the same: batch with its schema, and transit, against a push in JSON."""

from collections import defaultdict
from dataclasses import dataclass

from bench.ingest import Shape, reached_by
from bench.measure import ROUNDS, Context, Measure
from bench.system import serving

PUSH, BATCH = "/v2/import/push", "/v2/import/batch"


@dataclass(frozen=True, kw_only=True)
class Way:
    """``reach`` is of the push in JSON, which is the floor here."""

    name: str
    payload: str
    path: str
    reach: float


WAYS = (
    Way(
        name="1,000 records a batch, with their schema",
        payload="batches of flights",
        path=BATCH,
        reach=0.5,
    ),
    Way(
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
        # In turn, so that what else the machine does falls on all.
        for _ in range(ROUNDS):
            pushed = await reached_by(
                served, _shape("flights"), path=PUSH, token=token, client_id=context.client_id
            )
            floor = max(floor, pushed)
            for way in WAYS:
                said = await reached_by(
                    served,
                    _shape(way.payload),
                    path=way.path,
                    token=token,
                    client_id=context.client_id,
                )
                reached[way.name] = max(reached[way.name], said)
    return [
        Measure(
            measure=way.name,
            value=reached[way.name],
            unit="records/s",
            floor=floor,
            reach=way.reach,
        )
        for way in WAYS
    ]


def _shape(payload: str) -> Shape:
    return Shape(
        name=payload,
        payload=payload,
        connections=16,
        floor_path=PUSH,
        unit="records/s",
        records=1_000,
        reach=0.0,
    )
