"""A long run of target-stitch: nothing in its log that the original would not have caused."""

from __future__ import annotations

import json
import re

import pytest

from tests.clients.conftest import Tables
from tests.clients.recorder import Recorder
from tests.clients.singer import Target, record, schema, state
from tests.rounds import rounds

RECORDS = rounds(small=5_000, full=100_000)
STATES = 10
# Its own limit is 20,000 messages; smaller in a small run, so that there are several requests.
PER_REQUEST = rounds(small=1_000, full=20_000)

# All that it says when each request is answered 201 at the first try. A retry would be "Error
# sending data to Stitch. Sleeping …", a failure "Error persisting …", both wire contract 5.2.
EXPECTED = re.compile(
    r"INFO (Using batch_size_prefernces of .*"
    r"|Using turbo_boost_factor of 1"
    r"|Serializing batch with \d+ messages for table flights"
    r"|Sending batch of \d+ bytes to http://127\.0\.0\.1:\d+/v2/import/batch"
    r'|METRIC: \{"type": "counter", "metric": "record_count", .*'
    r"|Requests complete, stopping loop|Exiting normally)"
)


@pytest.mark.timeout(900)
async def test_no_retry_and_no_warning(target: Target, recorder: Recorder, tables: Tables) -> None:
    messages = [schema("flights", "id", id="integer", carrier="string", delay="number")]
    for n in range(1, RECORDS + 1):
        messages.append(record("flights", {"id": n, "carrier": f"C{n % 17}", "delay": n / 4}))
        if n % (RECORDS // STATES) == 0:
            messages.append(state({"at": n}))
    ended = await target.takes(*messages, options=("--max-batch-records", str(PER_REQUEST)))

    said = ended.log.splitlines()
    unexpected = [line for line in said if EXPECTED.fullmatch(line) is None]
    assert (ended.exit_code, unexpected) == (0, [])
    assert ended.states[-1] == {"at": RECORDS}
    assert set(recorder.statuses) == {201}
    bodies = [exchange.body for exchange in recorder.exchanges]
    assert len(set(bodies)) == len(bodies), "no request came twice"
    assert sum(len(json.loads(body)["messages"]) for body in bodies) == RECORDS
    assert await tables.rows("flights", "count(*)", "sum(id)", "sum(delay)") == [
        (RECORDS, RECORDS * (RECORDS + 1) // 2, RECORDS * (RECORDS + 1) / 8)
    ]
