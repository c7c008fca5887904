"""Bodies are halved between records, and not a byte of a record is touched."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.transit import decode
from pushgate_client.entries import BATCH, JSON, PUSH, TRANSIT, Entry
from pushgate_client.sending.splitting import each_record, halves
from tests.client.made import entry
from tests.protocol.transit_writer import compact, plain, verbose

# What could be taken for structure, inside of strings and out.
_TEXTS = st.text(alphabet='ab"\\{}[],:\n\u20ac', max_size=6)
_SCALARS = st.none() | st.integers() | _TEXTS
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=3) | st.dictionaries(_TEXTS, _SCALARS, max_size=3)
_RECORDS = st.lists(st.dictionaries(_TEXTS, _VALUES, max_size=3), min_size=2, max_size=9)
_INDENTS = st.sampled_from([None, 2])


def _push(body: bytes) -> Entry:
    return replace(entry(1), body=body)


def _batch(body: bytes) -> Entry:
    return Entry(endpoint=BATCH, tables=("t",), body=body, records=1, created=1)


def _halved(whole: Entry) -> tuple[bytes, bytes]:
    two = halves(whole)
    assert two is not None
    return two[0].body, two[1].body


@given(records=_RECORDS, indent=_INDENTS)
def test_the_halves_of_a_push_are_its_records(
    records: list[dict[str, Any]], indent: int | None
) -> None:
    first, second = _halved(_push(json.dumps(records, indent=indent).encode()))

    assert json.loads(first) + json.loads(second) == records
    assert len(json.loads(first)) == len(records) // 2


@given(records=_RECORDS, indent=_INDENTS, before=_VALUES)
def test_the_halves_of_a_batch_keep_what_is_around_the_messages(
    records: list[dict[str, Any]], indent: int | None, before: object
) -> None:
    around = {"schema": {"messages": before}, "key_names": ["messages"]}
    body = json.dumps({**around, "messages": records, "table_name": "t"}, indent=indent)
    first, second = map(json.loads, _halved(_batch(body.encode())))

    assert first.pop("messages") + second.pop("messages") == records
    assert first == second == {**around, "table_name": "t"}


@given(records=_RECORDS)
def test_each_record_stands_alone_as_it_was(records: list[dict[str, Any]]) -> None:
    singles = each_record(_push(json.dumps(records).encode()))

    assert singles is not None
    assert [json.loads(single.body) for single in singles] == [[record] for record in records]
    assert {single.records for single in singles} == {1}


def test_digits_that_no_parser_would_keep_are_kept() -> None:
    first, second = _halved(_push(b'[{"a": 1.10000000000000000001}, {"b": 1E+400, "c": NaN}]'))

    assert first == b'[{"a": 1.10000000000000000001}]'
    assert second == b'[ {"b": 1E+400, "c": NaN}]'


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[1,2", b"[]", b"[1]", b"{}", b'"', b'{"a":[1,2]}', b'[{"a":"]}', b"[[1,2]"],
)
def test_what_is_no_array_of_records_is_left_whole(body: bytes) -> None:
    assert halves(_push(body)) is None


@pytest.mark.parametrize("body", [b'{"messages":{"a":[1,2]}}', b'{"a":{"messages":[1,2]}}', b"[1]"])
def test_a_batch_without_messages_is_left_whole(body: bytes) -> None:
    assert halves(_batch(body)) is None


def _transit(body: bytes) -> Entry:
    return Entry(PUSH, ("t",), body, 1, 1, TRANSIT)


_KEYS = st.sampled_from(["a", "~:key", "^caret", "sequence", "data", 'quoted"', "\u20ac" * 4])
_INNER = st.dictionaries(_KEYS, _SCALARS) | st.lists(_KEYS)
_TRANSIT = st.lists(st.dictionaries(_KEYS, _SCALARS | _INNER), min_size=2)


@given(records=_TRANSIT, write=st.sampled_from([compact, verbose]))
def test_the_halves_of_transit_are_read_without_each_other(
    records: list[dict[str, Any]], write: Callable[[object], bytes]
) -> None:
    first, second = _halved(_transit(write(records)))

    assert decode(first) + decode(second) == plain(records)


def test_codes_that_began_anew_are_written_out_too() -> None:
    records = [{f"column {number % 3_000}": number} for number in range(7_000)]
    first, second = _halved(_transit(compact(records)))

    assert decode(first) + decode(second) == records


@pytest.mark.parametrize(
    "body", [b'["^ ","a",1]', b'["~#list",[1,2]]', b'[["^ ","^0",1],1]', b"1]]"]
)
def test_transit_that_is_no_array_of_records_is_left_whole(body: bytes) -> None:
    assert halves(_transit(body)) is None


@pytest.mark.parametrize("text", [b"x" * 50_000, b'\\"' * 25_000], ids=["plain", "escaped"])
@pytest.mark.parametrize("media_type", [JSON, TRANSIT])
def test_long_strings_are_passed_over_in_the_memory_of_a_few_bodies(
    media_type: str, text: bytes
) -> None:
    whole = replace(
        _push(b'[["^ ","a","%b"],["^ ","a","%b"]]' % (text, text)), media_type=media_type
    )

    tracemalloc.start()
    found = halves(whole)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found is not None
    assert most < 6 * len(whole.body)
