"""Each push has a line in the access log, written after its answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from events.ids import new_batch_id
from protocol.refusals.edge import TokenUnknown
from protocol.validation import Validated
from services.ingest.admission import TokenOwner
from services.ingest.reporting.access_log import LINES_MAX, AccessLog
from services.journal.candidates import Candidate, TokenRow
from services.runtime.clock import SystemClock

CLOCK = SystemClock()


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """Lines go to standard output, whatever a test before this one configured."""
    structlog.reset_defaults()
    with structlog.contextvars.bound_contextvars(program="ingest"):
        yield


async def written(
    access_log: AccessLog, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    access_log.write()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[0] == "{"]


async def test_an_accepted_push_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    access_log = AccessLog(CLOCK)
    token = TokenRow(token_id=9, integration_id=4, client_id=1, state="active")
    now = CLOCK.now()
    batch_id = new_batch_id(1)
    candidate = Candidate(
        token_hash=b"",
        endpoint="batch",
        validated=Validated(3, (("customers", 3),), None, None, None),
        media_type="application/json",
        body=b"{}",
        body_bytes=77,
        body_sha256=b"",
        peer=None,
        request_id="from-caddy",
    )

    access_log.accepted([(token, candidate)], [batch_id], [now])

    assert await written(access_log, capsys) == [
        {
            "timestamp": now.isoformat().replace("+00:00", "Z"),
            "level": "info",
            "event": "batch.accepted",
            "program": "ingest",
            "batch_id": str(batch_id),
            "request_id": "from-caddy",
            "endpoint": "batch",
            "integration_id": 4,
            "token_id": 9,
            "records": 3,
            "bytes": 77,
        }
    ]


async def test_a_refused_push_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    access_log = AccessLog(CLOCK)

    access_log.refused(TokenUnknown(), endpoint="push", request_id=None, owner=TokenOwner(4, None))
    (line,) = await written(access_log, capsys)

    assert (line["event"], line["integration_id"], line["status"], line["code"]) == (
        "batch.refused",
        4,
        TokenUnknown.status,
        TokenUnknown.code,
    )


async def test_a_flood_is_told_up_to_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    access_log = AccessLog(CLOCK)

    for _ in range(LINES_MAX + 5):
        access_log.refused(
            TokenUnknown(), endpoint="push", request_id=None, owner=TokenOwner(4, None)
        )
    access_log.write()
    output = capsys.readouterr().out

    assert output.count("batch.refused") == LINES_MAX
    assert "lines=5" in output
