"""Turn the records of a file into push requests: check each, give it its sequence, wrap it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cli.push.json_input import InputRecord
from cli.push.limits import RECORD_BYTES_MAX
from pushgate_client.limits import REQUEST_BYTES, REQUEST_RECORDS
from pushgate_client.records import InvalidRecord, NumberedMember, cut, record_prefix

_SEQUENCE_TEXT = re.compile(r"-?[0-9]{1,19}\Z")
_COMMA_BYTES = 1


@dataclass(frozen=True, kw_only=True)
class PushSpec:
    """What all records of one push have in common.

    ``sequence_from``: the sequence of record 1; that of each other counts up with its number.
    ``sequence_field``: the field of the record that holds its sequence instead.
    """

    client_id: int
    table: str
    keys: tuple[str, ...]
    sequence_from: int
    sequence_field: str | None = None
    records_max: int = REQUEST_RECORDS
    bytes_max: int = REQUEST_BYTES


class PushRequest(NamedTuple):
    """A body, and the numbers of its records in the file, ascending.

    ``is_last``: the input is known to hold nothing more.
    """

    numbers: Sequence[int]
    body: bytes
    is_last: bool = False


def requests_of(
    records: Iterable[InputRecord | InvalidRecord], spec: PushSpec
) -> Iterator[PushRequest | InvalidRecord]:
    """In the order of the file; every record is in exactly one request or is invalid."""
    prefix = record_prefix(spec.client_id, spec.table, spec.keys)
    members = (_member(record, spec, prefix) for record in records)
    for found in cut(
        members,
        overhead_bytes=_COMMA_BYTES,
        records_max=spec.records_max,
        bytes_max=spec.bytes_max,
    ):
        if isinstance(found, InvalidRecord):
            yield found
        else:
            body = b"[" + b",".join(found.members) + b"]"
            yield PushRequest(found.numbers, body, found.is_last)


def _member(
    record: InputRecord | InvalidRecord, spec: PushSpec, prefix: bytes
) -> NumberedMember | InvalidRecord:
    """The gate checks keys too, but it refuses a request as a whole and can't name the line."""
    if isinstance(record, InvalidRecord):
        return record
    for key in spec.keys:
        if record.data.get(key) is None:
            what = "null" if key in record.data else "missing"
            return InvalidRecord(record.number, f'key field "{key}" is {what}')
    if len(record.text) > RECORD_BYTES_MAX:
        return InvalidRecord(record.number, f"the record is longer than {RECORD_BYTES_MAX:,} bytes")
    sequence = _sequence(record, spec)
    if sequence is None:
        return InvalidRecord(
            record.number, f'sequence field "{spec.sequence_field}" does not hold an integer'
        )
    return record.number, b'%b%d,"data":%b}' % (prefix, sequence, record.text)


def _sequence(record: InputRecord, spec: PushSpec) -> int | None:
    if spec.sequence_field is None:
        return spec.sequence_from + record.number - 1
    value = record.data.get(spec.sequence_field)
    if isinstance(value, str) and _SEQUENCE_TEXT.match(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
