from collections.abc import Sequence

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cli.push.json_input import InputRecord, InvalidInput
from cli.push.requests import PushRequest, PushShape, cut

SHAPE = PushShape(client_id=7, table="t", keys=("id",), sequence_from=100)


def record(number: int, **data: object) -> InputRecord:
    members = {"id": number, **data}
    return InputRecord(number, orjson.dumps(members), members)


def requests(
    records: Sequence[InputRecord | InvalidInput], shape: PushShape = SHAPE
) -> list[PushRequest]:
    return [item for item in cut(records, shape) if isinstance(item, PushRequest)]


def unusable(
    records: Sequence[InputRecord | InvalidInput], shape: PushShape = SHAPE
) -> list[InvalidInput]:
    return [item for item in cut(records, shape) if isinstance(item, InvalidInput)]


def test_a_record_is_wrapped_as_the_gate_wants_it() -> None:
    (request,) = requests([InputRecord(1, b'{"id":1.10}', {"id": 1.1})])

    assert request == PushRequest(
        1,
        1,
        1,
        b'[{"client_id":7,"table_name":"t","action":"upsert","key_names":["id"],'
        b'"sequence":100,"data":{"id":1.10}}]',
        ends=True,
    )


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 5), st.integers(200, 1000))
def test_requests_keep_the_order_and_every_limit(
    sizes: list[int], records_max: int, bytes_max: int
) -> None:
    shape = PushShape(
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
    assert all(request.records <= records_max for request in made)
    assert all(len(request.body) <= bytes_max or request.records == 1 for request in made)
    assert [(r.first, r.records) for r in made] == [
        (r.last - r.records + 1, r.records) for r in made
    ]


def test_sequences_grow_with_the_file() -> None:
    (request,) = requests([record(1), record(2), record(5)])

    assert [member["sequence"] for member in orjson.loads(request.body)] == [100, 101, 104]


def test_a_field_may_hold_the_sequence() -> None:
    shape = PushShape(client_id=7, table="t", keys=("id",), sequence_from=1, sequence_field="v")
    found = [record(1, v=9), record(2, v="12"), record(3, v=1.5), record(4), record(5, v=True)]
    (first, *_) = requests(found, shape)

    assert [member["sequence"] for member in orjson.loads(first.body)] == [9, 12]
    assert [item.number for item in unusable(found, shape)] == [3, 4, 5]


def test_a_missing_and_a_null_key_are_named_with_their_line() -> None:
    missing, null = InputRecord(1, b"{}", {}), InputRecord(2, b'{"id":null}', {"id": None})

    assert unusable([missing, null]) == [
        InvalidInput(1, "the key id is missing"),
        InvalidInput(2, "the key id is null"),
    ]


def test_what_cannot_be_sent_ends_a_request_so_that_ranges_have_no_holes() -> None:
    items = list(cut([record(1), InvalidInput(2, "broken"), record(3)], SHAPE))

    assert [(type(item).__name__, item[0]) for item in items] == [
        ("PushRequest", 1),
        ("InvalidInput", 2),
        ("PushRequest", 3),
    ]


def test_a_false_key_is_a_value() -> None:
    assert (
        unusable([InputRecord(1, b'{"id":0}', {"id": 0}), InputRecord(2, b'{"id":""}', {"id": ""})])
        == []
    )
