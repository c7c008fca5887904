"""Split a body between its records, without changing a byte of any record.

Numbers keep their digits and sequences stay the same, because nothing is parsed and encoded again:
only the positions of the records are looked for. In transit, where records refer to earlier ones,
the cache codes are expanded first.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import replace

from pushgate_client.entries import BATCH, JSON, PUSH, TRANSIT, Entry
from pushgate_client.sending.json_scan import scan
from pushgate_client.sending.transit_codes import expand_cache_codes

# The key of a part: characters of the key of the whole, and of a digest.
_KEY_CHARACTERS, _DIGEST_CHARACTERS = 64, 32
_OPENING, _CLOSING = b"{[", b"}]"
_ARRAY, _COMMA, _COLON = b"[,:"


def halves(entry: Entry) -> tuple[Entry, Entry] | None:
    """None if it can't be halved: a single record, or a format that can't be read."""
    spans = record_spans(entry)
    if spans is None or len(spans) < 2:  # noqa: PLR2004 - two halves
        return None
    middle = len(spans) // 2
    return spans.part(0, middle), spans.part(middle, len(spans))


def each_record(entry: Entry) -> list[Entry] | None:
    """Each record as an entry of its own; None for a format that can't be read."""
    spans = record_spans(entry)
    return None if spans is None else [spans.part(at, at + 1) for at in range(len(spans))]


def joined(parts: Sequence[Entry]) -> Entry | None:
    """All their records in one entry, with the envelope of the first."""
    spans = [record_spans(part) for part in parts]
    found = [each for each in spans if each is not None]
    if len(found) < len(parts):
        return None
    return found[0].with_records([member for each in found for member in each.members()])


class RecordSpans:
    """Where each record of a body begins and ends. Eight bytes each, as there may be many."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._key = _idempotency_key(entry)
        self._starts = array("Q")
        self._ends = array("Q")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, start: int, end: int) -> None:
        self._starts.append(start)
        self._ends.append(end)

    def part(self, first: int, last: int) -> Entry:
        """The records from ``first`` up to ``last``, in the envelope of the whole."""
        body = self._entry.body
        before, after = body[: self._starts[0]], body[self._ends[-1] :]
        kept = body[self._starts[first] : self._ends[last - 1]]
        part = before + kept + after
        return replace(
            self._entry,
            body=part,
            records=last - first,
            idempotency_key=self._key_of(part, first, last),
        )

    def members(self) -> list[bytes]:
        body = self._entry.body
        return [body[start:end] for start, end in zip(self._starts, self._ends, strict=True)]

    def with_records(self, members: Sequence[bytes]) -> Entry:
        """An entry with these records instead of its own."""
        body = self._entry.body
        whole = body[: self._starts[0]] + b",".join(members) + body[self._ends[-1] :]
        return replace(
            self._entry,
            body=whole,
            records=len(members),
            idempotency_key=self._key_of(whole, 0, len(members)),
        )

    def _key_of(self, part: bytes, first: int, last: int) -> str:
        """The same whenever it is cut again, and different from any other part, even if equal."""
        if not self._key:
            return ""
        digest = hashlib.sha256(f"{self._key}:{first}:{last}:".encode() + part).hexdigest()
        return f"{self._key[:_KEY_CHARACTERS]}:{digest[:_DIGEST_CHARACTERS]}"


def _idempotency_key(entry: Entry) -> str:
    """For a batch without a key, the hash of its bytes, as the gate uses if it has no primary keys.

    Without a key, parts would be recognised by their own bytes, and two equal ones taken for one.
    """
    if entry.idempotency_key or entry.endpoint != BATCH:
        return entry.idempotency_key
    return hashlib.sha256(entry.body).hexdigest()


def record_spans(entry: Entry) -> RecordSpans | None:
    """None if the body is not as expected."""
    media_type = entry.media_type.partition(";")[0].strip().lower()
    if media_type == TRANSIT and entry.endpoint == PUSH:
        written = expand_cache_codes(entry.body)
        if written is None:
            return None
        entry = replace(entry, body=written)
    elif media_type != JSON:
        return None
    start = _messages(entry.body) if entry.endpoint == BATCH else _array(entry.body)
    return None if start is None else _elements(entry, start)


def _array(body: bytes) -> int | None:
    start, _ = next(scan(body), (None, 0))
    return start if start is not None and body[start] == _ARRAY else None


def _messages(body: bytes) -> int | None:
    """Where the array begins that is the value of the top-level key ``messages``."""
    depth = 0
    is_next = False
    before = slice(0, 0)
    for start, end in scan(body):
        mark = body[start]
        if mark in _OPENING:
            if is_next and mark == _ARRAY:
                return start
            depth += 1
        elif mark in _CLOSING:
            depth -= 1
        is_next = depth == 1 and mark == _COLON and body[before] == b'"messages"'
        before = slice(start, end)
    return None


def _elements(entry: Entry, start: int) -> RecordSpans | None:
    spans = RecordSpans(entry)
    depth, first = 0, start + 1
    for at, end in scan(entry.body, start):
        mark = entry.body[at]
        if mark in _OPENING:
            depth += 1
        elif mark in _CLOSING:
            depth -= 1
            if depth == 0:
                if entry.body[first:at].strip():
                    spans.add(first, at)
                return spans
        elif mark == _COMMA and depth == 1:
            spans.add(first, at)
            first = end
    return None
