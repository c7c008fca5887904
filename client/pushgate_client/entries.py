"""The entries of an outbox: requests that are ready to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

PUSH, BATCH = "push", "batch"
JSON, TRANSIT = "application/json", "application/transit+json"


@dataclass(frozen=True)
class Entry:
    """One request, with its body exactly as it is to be sent.

    ``created``: nanoseconds since 1970. ``in_order``: it is sent after all earlier entries that
    share a table with it, and before all later ones; not needed where sequences decide which record
    wins. ``sequences``: the least and the greatest; entries with ranges that do not overlap may be
    under way together. ``idempotency_key`` is sent with the request: the gate stores requests with
    the same key once, and without it only one of two equal batches that have no primary keys.
    """

    endpoint: str
    tables: tuple[str, ...]
    body: bytes
    records: int
    created: int
    media_type: str = JSON
    in_order: bool = True
    sequences: tuple[int, int] | None = None
    idempotency_key: str = ""

    def header(self, id_: int, **more: Any) -> bytes:
        return orjson.dumps(
            {
                "id": id_,
                "endpoint": self.endpoint,
                "tables": self.tables,
                "media_type": self.media_type,
                "records": self.records,
                "created": self.created,
                "in_order": self.in_order,
                "sequences": self.sequences,
                "idempotency_key": self.idempotency_key,
                **more,
            }
        )


def entry_of(header: dict[str, Any], body: bytes) -> Entry:
    return Entry(
        endpoint=header["endpoint"],
        tables=tuple(header["tables"]),
        body=body,
        records=header["records"],
        created=header["created"],
        media_type=header["media_type"],
        in_order=header["in_order"],
        sequences=sequences_of(header),
        # Missing in entries that older versions wrote.
        idempotency_key=header.get("idempotency_key", ""),
    )


def sequences_of(header: dict[str, Any]) -> tuple[int, int] | None:
    """None also in entries that older versions wrote."""
    found = header.get("sequences")
    return None if found is None else (found[0], found[1])


class Taken(NamedTuple):
    """An entry that was taken to be sent; it stays on disk until it is settled."""

    id: int
    entry: Entry


class SetAside(NamedTuple):
    """An entry that the gate refused permanently, with the status and text of the answer.

    ``from_id``: the id of the entry that it was part of.
    """

    id: int
    from_id: int
    entry: Entry
    status: int
    reason: str


@dataclass(frozen=True)
class Counts:
    """The state of an outbox, in entries and records.

    ``held``: the waiting entries while sending is held up, for the reason ``why``. ``damaged``
    counts places on disk that can't be read. ``oldest_seconds`` is None if nothing waits.
    """

    waiting: int = 0
    waiting_records: int = 0
    sent: int = 0
    sent_records: int = 0
    held: int = 0
    held_records: int = 0
    set_aside: int = 0
    set_aside_records: int = 0
    oldest_seconds: float | None = None
    bytes: int = 0
    bytes_max: int = 0
    damaged: int = 0
    why: str | None = None
