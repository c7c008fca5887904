"""The conformance cases over HTTP, and that 2xx and only 2xx stored something."""

import pytest

from tests.ingest.gate import ImportClient
from tests.ingest.journal import Journal
from tests.openapi.document import faults
from tests.wire.cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_is_answered_as_the_contract_says(
    gate: ImportClient, journal: Journal, case: Case
) -> None:
    mine = case.for_client(gate.client_id)
    answer = await gate.send(
        mine.path, mine.body, method=mine.method, content_type=mine.content_type
    )

    assert mine.answered_by(answer.status, answer.headers["Content-Type"], answer.body), answer
    assert await journal.count() == (answer.status == 201)
    given = (answer.status, answer.headers["Content-Type"], answer.body)
    assert faults(mine.method, mine.path, *given) == []
