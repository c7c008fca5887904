"""What waits in an outbox is on disk: a push keeps none of it in memory."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from cli.push.outbox import OutboxPush, push_through_outbox
from cli.push.report import PushOutcome
from cli.push.requests import PushRequest
from pushgate_client.tokens import FixedToken
from services.runtime.clock import SystemClock
from tests.cli.gate import ScriptedGate

BODY_BYTES = 1_000_000
REQUESTS = 100


def requests(first_sequence: int) -> Iterator[PushRequest]:
    filling = b"x" * BODY_BYTES
    for number in range(1, REQUESTS + 1):
        body = b'[{"sequence":%d,"data":{"v":"%b"}}]' % (first_sequence + number - 1, filling)
        yield PushRequest(range(number, number + 1), body)


async def test_a_push_that_is_held_keeps_no_bodies(tmp_path: Path) -> None:
    async with ScriptedGate(lambda *_: (401, '{"message":"Not Authorized"}')) as gate:
        way = OutboxPush(
            url=gate.url,
            token=FixedToken("at_revoked"),
            directory=tmp_path / "outbox",
            connections=4,
            table="t",
            linger_seconds=0.2,
        )
        tracemalloc.start()
        try:
            report = await push_through_outbox(way, requests, clock=SystemClock())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert report.records_of(PushOutcome.ON_HOLD) == REQUESTS
    assert peak < REQUESTS * BODY_BYTES / 2
