"""Bad input, whatever it is, gets a clear refusal or is taken as it is: never a 500."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.gate import OK, ImportClient
from tests.ingest.journal import Journal
from tests.ingest.test_taking import BATCH
from tests.rounds import rounds

PUSH, BATCHES, VALIDATE = "/v2/import/push", "/v2/import/batch", "/v2/import/validate"


def nested(levels: int) -> dict[str, Any]:
    """``data`` of so many levels, itself the first."""
    data: dict[str, Any] = {"id": 1}
    innermost = data
    for _ in range(levels - 1):
        innermost["x"] = {}
        innermost = innermost["x"]
    return data


@pytest.mark.parametrize("path", [PUSH, BATCHES, VALIDATE])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"{",
        b"null",
        b"5",
        b'"x"',
        b"[]",
        b"[[]]",
        b"[null]",
        b"{}",
        b"\xff\xfe",
        b'[{"a":"\xed\xa0\x80"}]',
        b"\xef\xbb\xbf[]",
        b"[1e400]",
        b"[NaN]",
        b'[{"client_id":{}}]',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=range(18),
)
async def test_a_body_that_is_no_import(
    gate: ImportClient, journal: Journal, path: str, body: bytes
) -> None:
    answer = await gate.send(path, body)

    assert answer.status in {400, 401, 422}
    assert isinstance(answer.json, dict)
    assert await journal.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"table_name": None},
        {"table_name": ""},
        {"table_name": 5},
        {"sequence": None},
        {"sequence": "abc"},
        {"sequence": 1.5},
        {"sequence": 2**63},
        {"action": "delete"},
        {"action": None},
        {"data": None},
        {"data": []},
        {"data": {"name": "no key"}},
        {"data": {"id": None}},
        {"data": {"id": "x" * 1_025}},
        {"data": {"id": 1} | {f"c{n}": n for n in range(10_001)}},
        {"data": nested(101)},
        {"key_names": None},
        {"key_names": None, "key_properties": ["id"]},
        {"key_names": []},
        {"key_names": [5]},
        {"foo": 1},
    ],
    ids=lambda changes: str(changes)[:40],
)
async def test_a_record_that_is_not_taken(
    gate: ImportClient, journal: Journal, changes: dict[str, Any]
) -> None:
    answer = await gate.push(gate.record(), gate.record(**changes))

    assert (answer.status, answer.json["status"]) == (422, "ERROR")
    assert await journal.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"table_name": 'x"; DROP SCHEMA public CASCADE; --'},
        {"sequence": 2**63 - 1},
        {"sequence": -(2**63)},
        {"data": {"id": 1, "text": "nul \0 inside"}},
        {"data": nested(100)},
        {"data": {"id": "x" * 1_024}},
        {"data": {"id": 1, "big": 2**63}},
        {"data": {"id": 1, "__proto__": 1, "_sdc_batched_at": "x"}},
        {"table_version": 0, "namespace": None},
    ],
    ids=lambda changes: str(changes)[:40],
)
async def test_a_record_that_is_odd_and_taken(
    gate: ImportClient, journal: Journal, changes: dict[str, Any]
) -> None:
    assert (await gate.push(gate.record(**changes))).brief == OK
    assert await journal.count() == 1


async def test_a_numeral_that_is_too_large_for_a_float_is_taken_with_its_text(
    gate: ImportClient, journal: Journal
) -> None:
    body = orjson.dumps([gate.record(data={"id": 1, "x": 10})]).replace(b"10", b"1e400")

    assert (await gate.send(PUSH, body)).brief == OK
    assert await journal.count() == 1


async def test_20001_records(gate: ImportClient, journal: Journal) -> None:
    assert (await gate.push(*[gate.record()] * 20_001)).status == 400
    assert await journal.count() == 0


async def test_20000_records(gate: ImportClient, journal: Journal) -> None:
    assert (await gate.push(*[gate.record()] * 20_000)).brief == OK
    assert [receipt["records"] for receipt in await journal.receipts()] == [20_000]


async def test_20001_messages(gate: ImportClient, journal: Journal) -> None:
    answer = await gate.batch(BATCH | {"messages": BATCH["messages"] * 20_001})

    assert answer.status == 400
    assert await journal.count() == 0


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)
ARGUMENTS = st.sampled_from(
    ["client_id", "table_name", "sequence", "action", "key_names", "data", "schema", "messages"]
)


# The rounds of test_fuzz.py, which cost less, are many more.
@settings(max_examples=rounds(small=20, full=1_000))
@given(path=st.sampled_from([PUSH, BATCHES, VALIDATE]), arguments=st.dictionaries(ARGUMENTS, JSON))
async def test_whatever_stands_in_a_record_is_never_answered_500(
    gate: ImportClient, path: str, arguments: dict[str, Any]
) -> None:
    record = gate.record() | {n: v for n, v in arguments.items() if _writable(v)}
    body = orjson.dumps(record if path == BATCHES else [record, record])
    answer = await gate.send(path, body)

    assert answer.status in {200, 201, 400, 401, 403, 422}


def _writable(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
