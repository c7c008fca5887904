"""Records into bodies for ``/v2/import/push`` that the gate takes: by count and by bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from pushgate_client.limits import BODY_BYTES_MAX, REQUEST_BYTES, REQUEST_RECORDS

# A record is a mapping, or the text of a JSON object that is passed on untouched.
AnyRecord = Mapping[str, Any] | bytes

# What the writer has by itself.
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1
# What a record is wrapped in: names, sequence, brackets.
_AROUND_BYTES = 64


class RequestBody(NamedTuple):
    """The records of one request, as JSON; the first sequence is still to be known."""

    members: list[bytes]

    @property
    def records(self) -> int:
        return len(self.members)

    def serialize(self, prefix: bytes, first_sequence: int) -> bytes:
        joined = b",".join(
            b'%b%d,"data":%b}' % (prefix, sequence, member)
            for sequence, member in enumerate(self.members, start=first_sequence)
        )
        return b"[" + joined + b"]"


class InvalidRecord(NamedTuple):
    """``place`` counts from 0. Everything before it was cut; nothing after it is looked at."""

    place: int
    reason: str


def record_prefix(client_id: int, table: str, keys: Sequence[str]) -> bytes:
    """What every record of a push begins with."""
    head = orjson.dumps(
        {"client_id": client_id, "table_name": table, "action": "upsert", "key_names": list(keys)}
    )
    return head[:-1] + b',"sequence":'


def cut(
    records: Iterable[AnyRecord],
    *,
    prefix_bytes: int,
    records_max: int = REQUEST_RECORDS,
    bytes_max: int = REQUEST_BYTES,
) -> Iterator[RequestBody | InvalidRecord]:
    """In their order. ``prefix_bytes``: the length of ``record_prefix``."""
    members: list[bytes] = []
    size = 2
    for index, record in enumerate(records):
        text = _text(record)
        each = prefix_bytes + _AROUND_BYTES
        if isinstance(text, bytes) and len(text) + each + 2 > BODY_BYTES_MAX:
            text = f"it is {len(text):,} bytes long, and a request holds {BODY_BYTES_MAX:,}"
        if members and (isinstance(text, str) or size + each + len(text) > bytes_max):
            yield RequestBody(members)
            members, size = [], 2
        if isinstance(text, str):
            yield InvalidRecord(index, text)
            return
        members.append(text)
        size += each + len(text)
        if len(members) == records_max:
            yield RequestBody(members)
            members, size = [], 2
    if members:
        yield RequestBody(members)


def _text(record: Any) -> bytes | str:
    """The record as JSON, or why there is none.

    Decimals and whole numbers of any size keep their digits. JSON has no NaN: null stands for it.
    """
    if isinstance(record, bytes):
        return _untouched(record)
    if not isinstance(record, Mapping):
        return f"a {type(record).__name__} is no record: it must be a mapping, or JSON in bytes"
    try:
        return orjson.dumps(record, default=_exactly)
    except (TypeError, RecursionError) as error:
        reason = str(error)
    try:
        return orjson.dumps(_with_digits(record), default=_exactly)
    except (TypeError, ValueError, RecursionError):
        return reason


def _untouched(text: bytes) -> bytes | str:
    """It goes between others: if it were no object, all of them would be refused."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Numbers out of a double's range and half a surrogate pair: the gate decides on those.
        try:
            value = json.loads(text.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return f"it is not JSON: {error}"
    return text if isinstance(value, dict) else "it is not a JSON object"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value; write null")


def _with_digits(value: Any) -> Any:
    """The same, with whole numbers beyond 64 bits written down already."""
    if isinstance(value, Mapping):
        return {name: _with_digits(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_digits(each) for each in value]
    if type(value) is int and not _INTEGER_MIN <= value <= _INTEGER_MAX:
        return orjson.Fragment(str(value))
    return value


def _exactly(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no place in JSON")
