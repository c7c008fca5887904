"""Read records from CSV (RFC 4180): a header with column names, then a record for each row.

A cell is text unless its column is given a type; an empty cell is null. Numbers keep the digits
they have in the file.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Literal, get_args

import orjson

from cli.errors import CommandFailed
from cli.output import counted
from cli.push.json_input import InputRecord
from cli.push.limits import RECORD_BYTES_MAX
from pushgate_client.records import InvalidRecord

ColumnType = Literal["text", "integer", "number", "boolean", "json"]
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_TRUTHS = {
    **dict.fromkeys(("true", "t", "1"), b"true"),
    **dict.fromkeys(("false", "f", "0"), b"false"),
}
_SHOWN_CHARACTERS = 60


def column_type(text: str) -> tuple[str, ColumnType]:
    """Parses ``name:type``, split at the last colon. Raises ValueError."""
    name, _, kind = text.rpartition(":")
    for known in get_args(ColumnType):
        if name and kind == known:
            return name, known
    types = ", ".join(get_args(ColumnType))
    raise ValueError(f"must be NAME:TYPE with one of the types {types}, got {text!r}")


def read_csv(
    stream: BinaryIO, types: Mapping[str, ColumnType]
) -> Iterator[InputRecord | InvalidRecord]:
    """Reads as a stream. A record's number is its line, the last one if a row has several.

    Raises CommandFailed if the header is empty, repeats a name, or lacks one of ``types``.
    """
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    csv.field_size_limit(RECORD_BYTES_MAX)
    rows = csv.reader(text, strict=True)
    try:
        header = _header(next(rows, []), types)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            if row:
                yield _record(rows.line_num, header, row, types)
    except (csv.Error, UnicodeDecodeError) as error:
        yield InvalidRecord(rows.line_num + 1, f"not CSV in UTF-8: {error}", ends=True)
    finally:
        # The stream stays open: its owner closes it.
        text.detach()


def _header(names: list[str], types: Mapping[str, ColumnType]) -> list[str]:
    if not any(names):
        raise CommandFailed(
            "The first line of the CSV file must name the columns, but it is empty."
        )
    if "" in names:
        raise CommandFailed(
            f"Column {names.index('') + 1} of the header has no name. Name it, or leave it out."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CommandFailed(
            f"The header names {', '.join(twice)} more than once. Give each column its own name."
        )
    missing = sorted(types.keys() - set(names))
    if missing:
        raise CommandFailed(
            f"--column names {', '.join(missing)}, but the header has only: {', '.join(names)}."
        )
    return names


def _record(
    number: int, header: list[str], row: list[str], types: Mapping[str, ColumnType]
) -> InputRecord | InvalidRecord:
    if len(row) != len(header):
        return InvalidRecord(
            number,
            f"{counted(len(row), 'cell')}, but the header names {counted(len(header), 'column')}",
        )
    members: list[bytes] = []
    data: dict[str, Any] = {}
    for name, cell in zip(header, row, strict=True):
        kind = types.get(name, "text")
        written = b"null" if cell == "" else _written(cell, kind)
        if written is None:
            shown = cell if len(cell) <= _SHOWN_CHARACTERS else cell[:_SHOWN_CHARACTERS] + "…"
            return InvalidRecord(number, f"column {name}: {shown!r} is not of type {kind}")
        data[name] = None if written == b"null" else _value(cell, kind)
        members.append(orjson.dumps(name) + b":" + written)
    return InputRecord(number, b"{" + b",".join(members) + b"}", data)


def _written(cell: str, kind: ColumnType) -> bytes | None:
    """As JSON; None if it is not of that type."""
    if kind == "text":
        return orjson.dumps(cell)
    if kind == "boolean":
        return _TRUTHS.get(cell.strip().lower())
    text = cell.strip()
    if kind == "json":
        return text.encode() if _is_json(text) else None
    pattern = _INTEGER if kind == "integer" else _NUMBER
    return text.encode() if pattern.match(text) else None


def _value(cell: str, kind: ColumnType) -> Any:
    """For keys and sequences. Not an int: Python refuses to parse over 4,300 digits."""
    return cell.strip() if kind == "integer" else cell


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
