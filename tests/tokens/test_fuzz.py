"""The Connect API answers any request as its OpenAPI document states, never with a 5xx."""

from __future__ import annotations

import random

import pytest

from tests.openapi.document import faults
from tests.protocol.fuzzing import fuzzed
from tests.rounds import rounds
from tests.tokens.connect_client import ConnectClient

ROUNDS = rounds(small=300, full=20_000)
SEEDS = [
    b'{"type":"import_api","display_name":"Import API","properties":{},"destination_id":1}',
    b'{"display_name":"Other","paused_at":"2019-06-01T00:00:00Z","properties":{}}',
    b'{"paused_at":null}',
]


@pytest.mark.timeout(3600)
async def test_no_body_is_answered_with_a_fault_of_ours(api: ConnectClient) -> None:
    source = f"/v4/sources/{await api.new_source()}"
    chance = random.Random(7723)  # noqa: S311 - the same rounds every time
    bodies = fuzzed(SEEDS, chance)
    statuses = set()
    for _ in range(ROUNDS):
        method, path = chance.choice([("POST", "/v4/sources"), ("PUT", source)])
        answer = await api.ask(method, path, next(bodies))
        given = (answer.status, answer.headers["Content-Type"], answer.body)
        assert faults(method, path, *given) == [], given
        statuses.add(answer.status)

    assert statuses == {200, 400}
