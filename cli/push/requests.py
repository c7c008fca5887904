"""Records into request bodies that the gate takes: by count, by bytes, in the order of the file."""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import orjson

from cli.push.json_input import InputRecord, InvalidInput
from cli.push.limits import RECORD_BYTES_MAX
from pushgate_client.limits import REQUEST_BYTES, REQUEST_RECORDS

_SEQUENCE_TEXT = re.compile(r"-?[0-9]{1,19}\Z")


@dataclass(frozen=True, kw_only=True)
class PushShape:
    """What all records of one push have in common.

    ``sequence_from``: the first record's sequence, the next ones count up from it; or
    ``sequence_field``: the field of the record that holds it.
    """

    client_id: int
    table: str
    keys: tuple[str, ...]
    sequence_from: int
    sequence_field: str | None = None
    records_max: int = REQUEST_RECORDS
    bytes_max: int = REQUEST_BYTES


class PushRequest(NamedTuple):
    """The bytes are made once and sent again as they are. First and last are record numbers.

    ``ends``: the input is known to hold nothing more. ``numbers``: of each record, where they don't
    simply count up, as with blank lines between.
    """

    first: int
    last: int
    records: int
    body: bytes
    ends: bool = False
    numbers: Sequence[int] | None = None

    def without_body(self) -> Self:
        return self._replace(body=b"")

    def part(self, place: int, records: int) -> Self:
        """So many records from this place on, counted from 0; to be named, not to be sent."""
        numbers = self.numbers or range(self.first, self.last + 1)
        some = numbers[place : place + records]
        return self._replace(first=some[0], last=some[-1], records=records, body=b"", numbers=some)


def cut(
    found: Iterable[InputRecord | InvalidInput], shape: PushShape
) -> Iterator[PushRequest | InvalidInput]:
    """In the order of the file; every record is in exactly one request or named as unusable."""
    before = _before(shape)
    members: list[bytes] = []
    numbers: list[int] = []
    size = 0
    for record in found:
        item = _checked(record, shape)
        if isinstance(item, InvalidInput):
            if members:
                yield _request(numbers, members)
                members, numbers = [], []
            yield item
            continue
        member = b'%b%d,"data":%b}' % (before, item.sequence, item.text)
        if members and size + len(member) > shape.bytes_max:
            yield _request(numbers, members)
            members, numbers = [], []
        if not members:
            size = len("[]")
        members.append(member)
        numbers.append(item.number)
        size += len(member) + len(",")
        if len(members) == shape.records_max:
            # At once, and not when the next record comes: who writes to the pipe may be slow.
            yield _request(numbers, members)
            members, numbers = [], []
    if members:
        yield _request(numbers, members)._replace(ends=True)


def _request(numbers: list[int], members: list[bytes]) -> PushRequest:
    first, last, records = numbers[0], numbers[-1], len(members)
    counts_up = last - first + 1 == records
    return PushRequest(
        first=first,
        last=last,
        records=records,
        body=b"[" + b",".join(members) + b"]",
        numbers=None if counts_up else array("Q", numbers),
    )


def _before(shape: PushShape) -> bytes:
    head = orjson.dumps(
        {
            "client_id": shape.client_id,
            "table_name": shape.table,
            "action": "upsert",
            "key_names": shape.keys,
        }
    )
    return head[:-1] + b',"sequence":'


class _Sendable(NamedTuple):
    number: int
    text: bytes
    sequence: int


def _checked(record: InputRecord | InvalidInput, shape: PushShape) -> _Sendable | InvalidInput:
    """The gate checks the keys too, but it refuses a request whole and can't name the line."""
    if isinstance(record, InvalidInput):
        return record
    for key in shape.keys:
        if record.data.get(key) is None:
            what = "null" if key in record.data else "missing"
            return InvalidInput(record.number, f"the key {key} is {what}")
    if len(record.text) > RECORD_BYTES_MAX:
        return InvalidInput(record.number, f"the record is longer than {RECORD_BYTES_MAX:,} bytes")
    sequence = _sequence(record, shape)
    if sequence is None:
        return InvalidInput(
            record.number, f"{shape.sequence_field} holds no integer for the sequence"
        )
    return _Sendable(record.number, record.text, sequence)


def _sequence(record: InputRecord, shape: PushShape) -> int | None:
    if shape.sequence_field is None:
        return shape.sequence_from + record.number - 1
    value = record.data.get(shape.sequence_field)
    if isinstance(value, str) and _SEQUENCE_TEXT.match(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
