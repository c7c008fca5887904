"""Read records from NDJSON, as a stream, or from one JSON array.

The text of a record is passed on unchanged, so numbers keep their digits.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, NoReturn

import orjson

from cli.push.limits import RECORD_BYTES_MAX
from pushgate_client.records import InvalidRecord

_BLANK = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value; write null")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class InputRecord(NamedTuple):
    """``number`` counts from 1: the line of an NDJSON file, or the position in an array."""

    number: int
    text: bytes
    data: dict[str, Any]


def read_records(stream: BinaryIO) -> Iterator[InputRecord | InvalidRecord]:
    """An array is read whole, NDJSON line by line. Blank lines are numbered but are not records."""
    first = stream.readline(RECORD_BYTES_MAX + 1).removeprefix(_BYTE_ORDER_MARK)
    number = 1
    while first and not first.strip(_BLANK):
        first = stream.readline(RECORD_BYTES_MAX + 1)
        number += 1
    if first.lstrip(_BLANK).startswith(b"["):
        yield from _array(first + stream.read())
    else:
        yield from _lines(first, number, stream)


def _lines(line: bytes, number: int, stream: BinaryIO) -> Iterator[InputRecord | InvalidRecord]:
    while line:
        if len(line) > RECORD_BYTES_MAX:
            while line and not line.endswith(b"\n"):
                line = stream.readline(RECORD_BYTES_MAX + 1)
            yield InvalidRecord(number, f"the line is longer than {RECORD_BYTES_MAX:,} bytes")
        elif text := line.strip(_BLANK):
            yield _line(number, text)
        line = stream.readline(RECORD_BYTES_MAX + 1)
        number += 1


def _line(number: int, text: bytes) -> InputRecord | InvalidRecord:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Numbers outside a double's range and lone surrogates: the gate decides about those.
        try:
            value = _DECODER.decode(text.decode())
        except (ValueError, RecursionError) as error:
            return InvalidRecord(number, f"not JSON: {error}")
    if not isinstance(value, dict):
        return InvalidRecord(number, "not a JSON object")
    return InputRecord(number, text, value)


def _array(raw: bytes) -> Iterator[InputRecord | InvalidRecord]:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        yield InvalidRecord(1, f"not UTF-8: {error.reason} at byte {error.start:,}", ends=True)
        return
    at, number = _after_blanks(text, text.index("[") + 1), 1
    if text.startswith("]", at):
        yield from _nothing_follows(text, at, number)
        return
    while True:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield InvalidRecord(number, f"not JSON: {error}", ends=True)
            return
        if isinstance(value, dict):
            yield InputRecord(number, text[at:end].encode(), value)
        else:
            yield InvalidRecord(number, "not a JSON object")
        at, number = _after_blanks(text, end), number + 1
        if not text.startswith(",", at):
            yield from _nothing_follows(text, at, number)
            return
        at = _after_blanks(text, at + 1)


def _nothing_follows(text: str, at: int, number: int) -> Iterator[InvalidRecord]:
    if not text.startswith("]", at):
        yield InvalidRecord(number, f"',' or ']' expected at character {at:,}", ends=True)
    elif text[at + 1 :].strip():
        yield InvalidRecord(number, "something follows the end of the array", ends=True)


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
