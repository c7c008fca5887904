"""CSV into records: RFC 4180, types by column, and a place for every cell that is wrong."""

import io

import orjson
import pytest

from cli.errors import CommandFailed
from cli.push.csv_input import ColumnType, column_type, read_csv
from cli.push.json_input import InputRecord
from cli.push.requests import PushRequest, PushSpec, requests_of
from pushgate_client.records import InvalidRecord


def read(text: str | bytes, **types: ColumnType) -> list[InputRecord | InvalidRecord]:
    raw = text.encode() if isinstance(text, str) else text
    return list(read_csv(io.BytesIO(raw), types))


def data(text: str | bytes, **types: ColumnType) -> list[object]:
    found = read(text, **types)
    assert all(isinstance(each, InputRecord) for each in found), found
    return [orjson.loads(each.text) for each in found if isinstance(each, InputRecord)]


def test_cells_are_text_unless_a_column_has_a_type() -> None:
    text = "id,price,ok,tags,name\n1,4.50,true,[1],007\n"
    typed = data(text, id="integer", price="number", ok="boolean", tags="json")

    assert data(text) == [{"id": "1", "price": "4.50", "ok": "true", "tags": "[1]", "name": "007"}]
    assert typed == [{"id": 1, "price": 4.5, "ok": True, "tags": [1], "name": "007"}]


def test_numbers_keep_their_digits() -> None:
    [record] = read("n,d\n123456789012345678901,1.10\n", n="integer", d="number")

    assert isinstance(record, InputRecord)
    assert record.text == b'{"n":123456789012345678901,"d":1.10}'


def test_an_integer_of_any_length_is_passed_on() -> None:
    digits = "1" * 5_000
    [record] = read(f"n\n{digits}\n", n="integer")

    assert isinstance(record, InputRecord)
    assert record.text == b'{"n":%b}' % digits.encode()


def test_a_column_of_integers_can_hold_the_sequence() -> None:
    shape = PushSpec(client_id=1, table="t", keys=("id",), sequence_from=1, sequence_field="at")
    [request] = requests_of(read("id,at\n1, 70 \n", at="integer"), shape)

    assert isinstance(request, PushRequest)
    assert orjson.loads(request.body)[0]["sequence"] == 70


def test_an_empty_cell_is_null() -> None:
    assert data('a,b\n,""\n', b="integer") == [{"a": None, "b": None}]


def test_quotes_commas_and_line_ends_inside_quotes() -> None:
    assert data('a,b\r\n"x, ""y""","two\r\nlines"\r\n') == [{"a": 'x, "y"', "b": "two\r\nlines"}]


def test_a_byte_order_mark_and_blank_lines_are_passed_over() -> None:
    assert data(b"\xef\xbb\xbfa\n\n1\n\n") == [{"a": "1"}]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [("integer", "1.5"), ("integer", "x"), ("integer", "01"), ("number", "NaN"), ("json", "{")],
)
def test_a_wrong_cell_is_named_by_line_and_column(kind: ColumnType, cell: str) -> None:
    good, bad, after = read(f"id,v\n1,\n2,{cell}\n3,\n", v=kind)

    assert isinstance(good, InputRecord)
    assert bad == InvalidRecord(3, f"column v: {cell!r} is not of type {kind}")
    assert isinstance(after, InputRecord)


def test_a_row_with_too_many_cells_is_named() -> None:
    assert read("a\n1,2\n") == [InvalidRecord(2, "2 cells, but the header names 1 column")]


def test_what_is_no_csv_ends_the_reading() -> None:
    [bad] = read(b'a\n"1\n')

    assert isinstance(bad, InvalidRecord)
    assert bad.ends


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must name the columns"),
        ("a,a\n", "names a more than once"),
        ("a\n", "only: a"),
        ("a,b,\n", "Column 3 of the header has no name"),
    ],
)
def test_a_header_that_does_not_do_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(CommandFailed, match=sentence):
        read(text, b="integer")


def test_a_type_is_given_after_the_last_colon() -> None:
    assert column_type("a:b:integer") == ("a:b", "integer")
    with pytest.raises(ValueError, match="NAME:TYPE"):
        column_type("integer")
