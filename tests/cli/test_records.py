import io

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cli.push.json_input import InputRecord, read_records
from cli.push.limits import RECORD_BYTES_MAX
from pushgate_client.records import InvalidRecord

scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
objects = st.dictionaries(st.text(max_size=5), scalars | st.lists(scalars, max_size=3), max_size=4)


def read(text: bytes) -> list[InputRecord | InvalidRecord]:
    return list(read_records(io.BytesIO(text)))


def texts(text: bytes) -> list[bytes]:
    found = read(text)
    assert all(isinstance(item, InputRecord) for item in found), found
    return [item.text for item in found if isinstance(item, InputRecord)]


@given(st.lists(objects, max_size=6))
def test_lines_and_an_array_give_the_same_records(values: list[object]) -> None:
    lines = [orjson.dumps(value) for value in values]

    assert texts(b"\n".join(lines)) == texts(b"[" + b" ,\n".join(lines) + b"]\n") == lines


def test_digits_stay_as_they_were_written() -> None:
    exact = b'{"a":1.10,"b":1e3,"c":123456789012345678901234567890,"d":1.0}'

    assert texts(exact) == texts(b"[" + exact + b"]") == [exact]


def test_numbers_of_ndjson_are_line_numbers() -> None:
    assert [item.number for item in read(b'\n{"a":1}\n\n{"a":2}\r\n  \n')] == [2, 4]


def test_nothing_gives_nothing() -> None:
    assert read(b"") == read(b"\n \n") == read(b" [ ] \n") == []


def test_a_byte_order_mark_is_no_part_of_the_first_record() -> None:
    assert texts(b'\xef\xbb\xbf{"a":1}') == [b'{"a":1}']


def test_a_line_that_is_no_record_is_named_and_the_next_is_read() -> None:
    bad, wrong, good = (
        read(b'{"a":\n[1]\n{"a":1}')[0],
        read(b'7\n{"a":1}')[0],
        read(b'7\n{"a":1}')[1],
    )

    assert isinstance(bad, InvalidRecord)
    assert bad.reason.startswith("not JSON")
    assert wrong == InvalidRecord(1, "not a JSON object")
    assert isinstance(good, InputRecord)


def test_nan_is_refused_in_both_forms() -> None:
    (line,), (element,) = read(b'{"a":NaN}'), read(b'[{"a":NaN}]')

    assert isinstance(line, InvalidRecord)
    assert isinstance(element, InvalidRecord)
    assert "NaN is not a JSON value" in element.reason


def test_an_array_that_breaks_off_says_where_reading_ended() -> None:
    *good, end = read(b'[{"a":1},{"a":2}')

    assert [item.number for item in good] == [1, 2]
    assert isinstance(end, InvalidRecord)
    assert end.ends


def test_something_after_the_array_is_not_overlooked() -> None:
    assert isinstance(read(b'[{"a":1}]{"a":2}')[-1], InvalidRecord)


def test_an_overlong_line_is_skipped_whole() -> None:
    long, short = read(b'{"a":"' + b"x" * (2 * RECORD_BYTES_MAX) + b'"}\n{"a":1}\n')

    assert isinstance(long, InvalidRecord)
    assert short == InputRecord(2, b'{"a":1}', {"a": 1})


def test_nesting_beyond_any_reader_is_a_reason_and_no_crash() -> None:
    (item,) = read(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    assert isinstance(item, InvalidRecord)
