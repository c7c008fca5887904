"""Encode records as JSON and group them into request bodies for ``/v2/import/push``."""

from __future__ import annotations

import itertools
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from pushgate_client.limits import BODY_BYTES_MAX, REQUEST_BYTES, REQUEST_RECORDS

# A mapping, or the text of a JSON object, which is sent unchanged.
AnyRecord = Mapping[str, Any] | bytes

# The integers that orjson writes.
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1
# Around a record, after the prefix: 20 characters of sequence, `,"data":}` and a comma.
_OVERHEAD_BYTES = 30
_BRACKETS_BYTES = 2

# A record's number and its JSON text, as ``cut`` takes them.
NumberedMember = tuple[int, bytes]


class InvalidRecord(NamedTuple):
    """A record that can't be sent. ``ends``: nothing after it can be read."""

    number: int
    reason: str
    ends: bool = False


class RequestBody(NamedTuple):
    """The records of one request. ``is_last``: the input holds nothing more.

    ``numbers``: those of its records, ascending: a range, or an array where there are gaps.
    """

    numbers: Sequence[int]
    members: list[bytes]
    is_last: bool = False

    def serialize(self, prefix: bytes, first_sequence: int) -> bytes:
        """As a push body, with sequences that count up from ``first_sequence``."""
        joined = b",".join(
            b'%b%d,"data":%b}' % (prefix, sequence, member)
            for sequence, member in enumerate(self.members, start=first_sequence)
        )
        return b"[" + joined + b"]"


def record_prefix(client_id: int, table: str, keys: Sequence[str]) -> bytes:
    """What every record of a push begins with, up to its sequence."""
    head = orjson.dumps(
        {"client_id": client_id, "table_name": table, "action": "upsert", "key_names": list(keys)}
    )
    return head[:-1] + b',"sequence":'


def overhead_of(prefix: bytes) -> int:
    """What a record takes in a body in addition to its text, in bytes."""
    return len(prefix) + _OVERHEAD_BYTES


def encode(records: Iterable[AnyRecord]) -> Iterator[NumberedMember | InvalidRecord]:
    """Each record as JSON text, numbered from 0."""
    return map(_encoded, itertools.count(), records)


def cut(
    members: Iterable[NumberedMember | InvalidRecord],
    *,
    overhead_bytes: int,
    records_max: int = REQUEST_RECORDS,
    bytes_max: int = REQUEST_BYTES,
) -> Iterator[RequestBody | InvalidRecord]:
    """Groups records into requests that the gate accepts, by count and by bytes, in their order.

    ``overhead_bytes``: what each takes in addition to its text. An invalid record ends the
    request before it, so that the numbers of a request have no invalid one among them.
    """
    bytes_max = min(bytes_max, BODY_BYTES_MAX)
    texts: list[bytes] = []
    numbers: list[int] = []
    size = _BRACKETS_BYTES
    for item in members:
        if isinstance(item, InvalidRecord):
            if texts:
                yield RequestBody(_compact(numbers), texts)
                texts, numbers, size = [], [], _BRACKETS_BYTES
            yield item
            continue
        number, text = item
        if size + overhead_bytes + len(text) > bytes_max and texts:
            yield RequestBody(_compact(numbers), texts)
            texts, numbers, size = [], [], _BRACKETS_BYTES
        if size + overhead_bytes + len(text) > BODY_BYTES_MAX:
            yield InvalidRecord(
                number, f"it is {len(text):,} bytes long, and a request holds {BODY_BYTES_MAX:,}"
            )
            continue
        texts.append(text)
        numbers.append(number)
        size += overhead_bytes + len(text)
        if len(texts) == records_max:
            # Not only when the next record arrives: whoever writes to a pipe may be slow.
            yield RequestBody(_compact(numbers), texts)
            texts, numbers, size = [], [], _BRACKETS_BYTES
    if texts:
        yield RequestBody(_compact(numbers), texts, is_last=True)


def _compact(numbers: list[int]) -> Sequence[int]:
    first, last = numbers[0], numbers[-1]
    if last - first + 1 == len(numbers):
        return range(first, last + 1)
    return array("Q", numbers)


def _encoded(number: int, record: Any) -> NumberedMember | InvalidRecord:
    """Decimals and integers of any size keep their digits. JSON has no NaN, so it becomes null."""
    # Most records are dicts, for which the question to an abstract class takes too long.
    if isinstance(record, (dict, Mapping)):
        try:
            return number, orjson.dumps(record, default=_encode_other)
        except (TypeError, RecursionError) as error:
            return _encoded_again(number, record, str(error))
    if isinstance(record, bytes):
        text = _checked_text(record)
        return InvalidRecord(number, text) if isinstance(text, str) else (number, text)
    return InvalidRecord(
        number, f"a {type(record).__name__} is not a record; pass a mapping, or JSON as bytes"
    )


def _encoded_again(number: int, record: Any, reason: str) -> NumberedMember | InvalidRecord:
    """Without the limits of orjson's integers; invalid for ``reason`` if that does not help."""
    try:
        return number, orjson.dumps(_with_digits(record), default=_encode_other)
    except (TypeError, ValueError, RecursionError):
        return InvalidRecord(number, reason)


def _checked_text(text: bytes) -> bytes | str:
    """Checked because one text that is not an object would have the whole request refused."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Numbers outside a double's range and lone surrogates: the gate decides about those.
        try:
            value = json.loads(text.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            return f"it is not JSON: {error}"
    return text if isinstance(value, dict) else "it is not a JSON object"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value; write null")


def _with_digits(value: Any) -> Any:
    """The same value, with integers beyond 64 bits already written as text."""
    if isinstance(value, Mapping):
        return {name: _with_digits(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_digits(each) for each in value]
    if type(value) is int and not _INTEGER_MIN <= value <= _INTEGER_MAX:
        return orjson.Fragment(str(value))
    return value


def _encode_other(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} can't be written as JSON")
