from collections.abc import Sequence

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cli.push.json_input import InputRecord
from cli.push.requests import PushRequest, PushSpec, requests_of
from pushgate_client.records import InvalidRecord

SHAPE = PushSpec(client_id=7, table="t", keys=("id",), sequence_from=100)


def record(number: int, **data: object) -> InputRecord:
    members = {"id": number, **data}
    return InputRecord(number, orjson.dumps(members), members)


def requests(
    records: Sequence[InputRecord | InvalidRecord], shape: PushSpec = SHAPE
) -> list[PushRequest]:
    return [item for item in requests_of(records, shape) if isinstance(item, PushRequest)]


def unusable(
    records: Sequence[InputRecord | InvalidRecord], shape: PushSpec = SHAPE
) -> list[InvalidRecord]:
    return [item for item in requests_of(records, shape) if isinstance(item, InvalidRecord)]


def test_a_record_is_wrapped_as_the_gate_wants_it() -> None:
    (request,) = requests([InputRecord(1, b'{"id":1.10}', {"id": 1.1})])

    assert request == PushRequest(
        range(1, 2),
        b'[{"client_id":7,"table_name":"t","action":"upsert","key_names":["id"],'
        b'"sequence":100,"data":{"id":1.10}}]',
        is_last=True,
    )


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 5), st.integers(200, 1000))
def test_requests_keep_the_order_and_every_limit(
    sizes: list[int], records_max: int, bytes_max: int
) -> None:
    shape = PushSpec(
        client_id=7,
        table="t",
        keys=("id",),
        sequence_from=1,
        records_max=records_max,
        bytes_max=bytes_max,
    )
    made = requests([record(i + 1, x="y" * size) for i, size in enumerate(sizes)], shape)
    sent = [member["data"]["id"] for request in made for member in orjson.loads(request.body)]

    assert sent == list(range(1, len(sizes) + 1))
    assert all(len(request.numbers) <= records_max for request in made)
    assert all(len(request.body) <= bytes_max or len(request.numbers) == 1 for request in made)
    assert [number for request in made for number in request.numbers] == sent


def test_a_missing_and_a_null_key_are_named_with_their_line() -> None:
    missing, null = InputRecord(1, b"{}", {}), InputRecord(2, b'{"id":null}', {"id": None})

    assert unusable([missing, null]) == [
        InvalidRecord(1, 'key field "id" is missing'),
        InvalidRecord(2, 'key field "id" is null'),
    ]


def test_what_cannot_be_sent_ends_a_request_so_that_ranges_have_no_holes() -> None:
    items = list(requests_of([record(1), InvalidRecord(2, "broken"), record(3)], SHAPE))

    first, invalid, second = items
    assert isinstance(first, PushRequest)
    assert isinstance(second, PushRequest)
    assert invalid == InvalidRecord(2, "broken")
    assert (list(first.numbers), list(second.numbers)) == ([1], [3])


def test_a_false_key_is_a_value() -> None:
    assert (
        unusable([InputRecord(1, b'{"id":0}', {"id": 0}), InputRecord(2, b'{"id":""}', {"id": ""})])
        == []
    )
