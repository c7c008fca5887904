"""What apps hand over as records: what each becomes in the body, or why it can't be sent."""

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from pushgate_client import PushClient, RecordUnusable
from pushgate_client.records import InvalidRecord, RequestBody, cut, encode
from tests.client.gate import Gate


def written(record: Any) -> bytes | str:
    (item,) = encode([record])
    return item.reason if isinstance(item, InvalidRecord) else item[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.10"), b"1.10"),
        (Decimal("-0.000000000000000000001"), b"-1E-21"),
        (2**63, b"9223372036854775808"),
        (10**40, b"1" + b"0" * 40),
        (-(10**40), b"-1" + b"0" * 40),
        ([10**40, {"deep": Decimal("2.50")}], b"[1" + b"0" * 40 + b',{"deep":2.50}]'),
        (float("nan"), b"null"),
        (float("inf"), b"null"),
        (1.0, b"1.0"),
        (
            dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
            b'"2026-01-02T03:04:05+00:00"',
        ),
        (dt.date(2026, 1, 2), b'"2026-01-02"'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (MappingProxyType({"a": 1}), b'{"a":1}'),
        ("\N{SNOWMAN}", '"\N{SNOWMAN}"'.encode()),
    ],
)
def test_a_value_keeps_what_it_says(value: Any, text: bytes) -> None:
    assert written({"v": value}) == b'{"v":%b}' % text


def test_a_large_number_beside_a_time_is_written_too() -> None:
    record = {"n": 10**30, "at": dt.date(2026, 1, 2)}

    assert written(record) == b'{"n":1%b,"at":"2026-01-02"}' % (b"0" * 30)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"v": object()}, "object"),
        ({"v": {1, 2}}, "set"),
        ({"v": Decimal("NaN")}, "Decimal"),
        ({1: 2}, "str"),
        ({"v": "\ud800"}, "surrogates"),
        ("text", "a str is not a record"),
        (["a", "list"], "a list is not a record"),
        (None, "a NoneType is not a record"),
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"a": NaN}', "NaN is not a JSON value"),
        (b"\xff", "not JSON"),
        # Between others they would be no JSON at all.
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        ('{"a": 1}'.encode("utf-16"), "not JSON"),
    ],
)
def test_what_is_no_record_is_told(record: Any, reason: str) -> None:
    told = written(record)

    assert isinstance(told, str)
    assert reason in told


def test_a_record_within_itself_is_told() -> None:
    record: dict[str, Any] = {}
    record["itself"] = record

    assert isinstance(written(record), str)


@pytest.mark.parametrize("text", [b'{"a": 1e400}', b'{"a": "\\ud800"}', b'{"a": 1.10}'])
def test_a_text_that_only_the_gate_can_judge_is_passed_on(text: bytes) -> None:
    assert written(text) == text


def test_an_invalid_record_ends_the_request_before_it() -> None:
    body, invalid, rest = cut(encode([{"id": 1}, {"id": object()}, {"id": 3}]), overhead_bytes=0)

    assert body == RequestBody(range(1), [b'{"id":1}'])
    assert isinstance(invalid, InvalidRecord)
    assert invalid.number == 1
    assert rest == RequestBody(range(2, 3), [b'{"id":3}'], is_last=True)


def test_numbers_with_gaps_stay_what_they_are() -> None:
    (body,) = cut([(1, b"{}"), (2, b"{}"), (5, b"{}")], overhead_bytes=0)

    assert isinstance(body, RequestBody)
    assert list(body.numbers) == [1, 2, 5]


async def test_nothing_after_an_invalid_record_is_asked_for() -> None:
    def records() -> Iterator[dict[str, int]]:
        yield {"id": 1}
        yield {"id": object()}  # type: ignore[dict-item]  # wrong on purpose
        raise AssertionError("asked for more")

    async with Gate() as gate, PushClient(gate.url, token="good", client_id=1) as client:
        with pytest.raises(RecordUnusable, match="Record 1 "):
            await client.push("things", records(), keys=["id"])


async def test_no_records_are_no_request() -> None:
    async with Gate() as gate, PushClient(gate.url, token="good", client_id=1) as client:
        pushed = await client.push("things", [], keys=["id"])

    assert (pushed, gate.bodies) == ((0, 0, []), [])


async def test_a_generator_is_read_as_it_is_sent() -> None:
    rows = ({"id": number} for number in range(2_500))
    async with Gate() as gate, PushClient(gate.url, token="good", client_id=1) as client:
        pushed = await client.push("things", rows, keys=["id"])

    assert pushed.records == 2_500
    assert gate.taken.keys() == set(range(2_500))


async def test_what_breaks_off_is_raised_as_it_is_and_what_came_before_is_in() -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield from ({"id": number} for number in range(1_000))
        raise LookupError("the source is gone")

    async with Gate() as gate, PushClient(gate.url, token="good", client_id=1) as client:
        with pytest.raises(LookupError, match="the source is gone"):
            await client.push("things", rows(), keys=["id"])


async def test_keys_are_a_list_and_not_one_name() -> None:
    async with PushClient("http://127.0.0.1:9", token="good", client_id=1) as client:
        with pytest.raises(TypeError, match=r"keys=\['id'\]"):
            await client.push("things", [{"id": 1}], keys="id")


@pytest.mark.parametrize(
    ("table", "keys"), [(" ", ["id"]), ("things", []), ("things", [""]), ("things", ["id", ""])]
)
async def test_what_every_record_would_be_refused_for_is_told_at_once(
    table: str, keys: list[str]
) -> None:
    async with Gate() as gate, PushClient(gate.url, token="good", client_id=1) as client:
        with pytest.raises(ValueError, match=r"at least one field|must not be blank"):
            await client.push(table, [{"id": 1}], keys=keys)

    assert gate.bodies == []


async def test_one_mapping_instead_of_many_is_told() -> None:
    async with PushClient("http://127.0.0.1:9", token="good", client_id=1) as client:
        with pytest.raises(RecordUnusable, match="a str is not a record"):
            await client.push("things", {"id": 1}, keys=["id"])  # type: ignore[dict-item]  # wrong on purpose
